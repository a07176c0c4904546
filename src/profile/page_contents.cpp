#include "page_contents.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>

namespace godwit::profile {
namespace {

using Page = std::span<const std::byte>;

/// QEMU's multifd compresses a packet's pages as one stream and flushes after each (512 KiB).
constexpr std::size_t kPacketBytes = 512 << 10;
/// QEMU's defaults: multifd-zlib-level and multifd-zstd-level.
constexpr int kLevel = 1;
/// What zlib looks back on, 32 KiB: a page is seen beside what it will be sent beside.
constexpr std::int64_t kRunPages = 8;
/// One in each of so many parts of RAM, 16 MiB together: a region that holds one kind of data has
/// its share within a part, and much of RAM may be zeros.
constexpr std::int64_t kRuns = 512;
/// Pages that are compressed, at most: some 100 ms of a CPU.
constexpr std::size_t kMostCompressed = 1024;

bool is_zero(Page page) {
  return page[0] == std::byte{0} && std::memcmp(page.data(), page.data() + 1, page.size() - 1) == 0;
}

/// One kind of stream: takes pages, says what came out.
struct Compressor {
  virtual ~Compressor() = default;
  virtual std::size_t add(Page page, bool flush) = 0;
};

class Zlib final : public Compressor {
 public:
  Zlib() { ok_ = deflateInit(&stream_, kLevel) == Z_OK; }
  Zlib(const Zlib&) = delete;
  Zlib& operator=(const Zlib&) = delete;
  ~Zlib() override { deflateEnd(&stream_); }
  std::size_t add(Page page, bool flush) override {
    if (!ok_) return page.size();
    out_.resize(2 * page.size() + kPacketBytes);
    // zlib does not write to its input
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(page.data()));
    stream_.avail_in = static_cast<uInt>(page.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
    stream_.avail_out = static_cast<uInt>(out_.size());
    deflate(&stream_, flush ? Z_SYNC_FLUSH : Z_NO_FLUSH);
    return out_.size() - stream_.avail_out;
  }

 private:
  z_stream stream_{};
  bool ok_ = false;
  std::vector<std::byte> out_;
};

class Zstd final : public Compressor {
 public:
  Zstd() : context_(ZSTD_createCCtx(), ZSTD_freeCCtx) {
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kLevel);
  }
  std::size_t add(Page page, bool flush) override {
    out_.resize(2 * page.size() + kPacketBytes);
    ZSTD_inBuffer in{page.data(), page.size(), 0};
    ZSTD_outBuffer out{out_.data(), out_.size(), 0};
    ZSTD_compressStream2(context_.get(), &out, &in, flush ? ZSTD_e_flush : ZSTD_e_continue);
    return out.pos;
  }

 private:
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context_;
  std::vector<std::byte> out_;
};

struct Shrunk {
  Ratio ratio;
  Seconds per_page{};
};

/// As multifd sends them; `pages` not empty.
Shrunk shrink(const std::vector<Page>& pages, Compressor& by,
              const std::function<Seconds()>& cpu_time) {
  const Seconds before = cpu_time();
  std::size_t in = 0;
  std::size_t out = 0;
  for (const Page page : pages) {
    in += page.size();
    out += by.add(page, in % kPacketBytes == 0 || page.data() == pages.back().data());
  }
  const auto count = static_cast<double>(pages.size());
  // what does not shrink grows by some bytes a packet
  return {Ratio(std::min(1.0, static_cast<double>(out) / static_cast<double>(in))),
          (cpu_time() - before) / count};
}

PageContents summary(const std::vector<Page>& pages, const std::function<Seconds()>& cpu_time) {
  Zlib zlib;
  Zstd zstd;
  const Shrunk by_zlib = shrink(pages, zlib, cpu_time);
  const Shrunk by_zstd = shrink(pages, zstd, cpu_time);
  PageContents contents;
  contents.sampled = PageCount(static_cast<std::int64_t>(pages.size()));
  contents.in_runs = true;
  contents.zlib = by_zlib.ratio;
  contents.zlib_per_page = by_zlib.per_page;
  contents.zstd = by_zstd.ratio;
  contents.zstd_per_page = by_zstd.per_page;
  double bits = 0;
  for (const Page page : pages) bits += byte_entropy(page);
  contents.entropy_bits = std::min(8.0, bits / static_cast<double>(pages.size()));
  return contents;
}

std::size_t run_of(std::size_t place) {
  return place / static_cast<std::size_t>(kRunPages);
}

/// The first page of a run in each of as many equal parts as hold one.
std::vector<std::int64_t> spread_runs(std::int64_t population, Rng& rng) {
  std::vector<std::int64_t> pages;
  const std::int64_t runs = std::min(kRuns, population / kRunPages);
  for (std::int64_t i = 0; i < runs; ++i) {
    const std::int64_t from = population * i / runs;
    const std::int64_t room = population * (i + 1) / runs - from - kRunPages;
    const std::int64_t first = from + rng.below(room + 1);
    for (std::int64_t k = 0; k < kRunPages; ++k) pages.push_back(first + k);
  }
  return pages;
}

}  // namespace

double byte_entropy(Page page) {
  std::array<int, 256> counts{};
  for (const std::byte b : page) ++counts[std::to_integer<std::size_t>(b)];
  double bits = 0;
  for (const int count : counts) {
    if (count == 0) continue;
    const double share = count / static_cast<double>(page.size());
    bits -= share * std::log2(share);
  }
  return bits;
}

std::optional<Ratio> duplicate_share(std::vector<std::uint64_t> hashes) {
  if (hashes.empty()) return std::nullopt;
  std::sort(hashes.begin(), hashes.end());
  std::size_t twins = 0;
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const bool before = i > 0 && hashes[i - 1] == hashes[i];
    const bool after = i + 1 < hashes.size() && hashes[i + 1] == hashes[i];
    if (before || after) ++twins;
  }
  return Ratio(static_cast<double>(twins) / static_cast<double>(hashes.size()));
}

ContentRuns::ContentRuns(PageCount population, PageSize page, Rng& rng)
    : page_(static_cast<std::size_t>(page.bytes().count())),
      population_(population.count()),
      indices_(spread_runs(population.count(), rng)),
      pages_(indices_.size() * page_),
      changed_(indices_.size()) {}

std::span<const std::byte> ContentRuns::page(std::size_t place) const {
  return std::span(pages_).subspan(place * page_, page_);
}

Result<void> ContentRuns::look(GuestMemory& memory) {
  const bool again = std::exchange(looked_, true);
  return memory.visit_pages(indices_, [&](std::size_t i, Page now) {
    std::byte* const kept = &pages_[i * page_];
    if (again && std::memcmp(now.data(), kept, page_) != 0) changed_[i] = true;
    std::memcpy(kept, now.data(), page_);
  });
}

std::optional<PageContents> ContentRuns::contents(const std::function<Seconds()>& cpu_time) const {
  return contents_of(cpu_time, std::vector<bool>(indices_.size(), true));
}

std::optional<PageContents> ContentRuns::end_contents(
    const std::function<Seconds()>& cpu_time) const {
  const double begin = static_cast<double>(population_) * (1 - kEndOfRam);
  std::vector<bool> wanted;
  for (const std::int64_t index : indices_) wanted.push_back(static_cast<double>(index) >= begin);
  return contents_of(cpu_time, wanted);
}

std::optional<PageContents> ContentRuns::changed_contents(
    const std::function<Seconds()>& cpu_time) const {
  return contents_of(cpu_time, changed_);
}

std::optional<PageContents> ContentRuns::contents_of(const std::function<Seconds()>& cpu_time,
                                                     const std::vector<bool>& wanted) const {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < indices_.size(); ++i) {
    if (wanted[i] && !is_zero(page(i))) places.push_back(i);
  }
  if (places.empty()) return std::nullopt;
  // every so many runs, where all are too many
  const std::size_t step = (places.size() + kMostCompressed - 1) / kMostCompressed;
  std::vector<Page> pages;
  std::size_t runs = 0;
  for (std::size_t k = 0; k < places.size(); ++k) {
    if (k > 0 && run_of(places[k]) != run_of(places[k - 1])) ++runs;
    if (runs % step == 0) pages.push_back(page(places[k]));
  }
  return summary(pages, cpu_time);
}

}  // namespace godwit::profile
