#include "page_contents.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>

namespace godwit::profile {
namespace {

using Page = std::span<const std::byte>;

/// Pages that are compressed, at most: their ratio is known within 3 % of a page (two standard
/// errors, the worst case of a ratio that is 0 or 1).
constexpr std::size_t kMostCompressed = 512;
/// QEMU's multifd compresses a packet's pages as one stream and flushes after each (512 KiB).
constexpr std::size_t kPacketBytes = 512 << 10;
/// QEMU's defaults: multifd-zlib-level and multifd-zstd-level.
constexpr int kLevel = 1;
constexpr std::size_t kWord = 8;

std::size_t leb128_size(std::size_t value) {
  std::size_t size = 1;
  while (value >>= 7) ++size;
  return size;
}

bool is_zero(Page page) {
  return std::all_of(page.begin(), page.end(), [](std::byte b) { return b == std::byte{0}; });
}

double modified_words(Page before, Page after) {
  std::size_t modified = 0;
  for (std::size_t at = 0; at < before.size(); at += kWord) {
    if (std::memcmp(before.data() + at, after.data() + at, kWord) != 0) ++modified;
  }
  return static_cast<double>(modified * kWord) / static_cast<double>(before.size());
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

}  // namespace

std::size_t xbzrle_size(Page before, Page after) {
  std::size_t size = 0;
  std::size_t at = 0;
  while (at < before.size()) {
    const std::size_t equal_from = at;
    while (at < before.size() && before[at] == after[at]) ++at;
    if (at == before.size()) break;
    const std::size_t differs_from = at;
    while (at < before.size() && before[at] != after[at]) ++at;
    const std::size_t differing = at - differs_from;
    size += leb128_size(differs_from - equal_from) + leb128_size(differing) + differing;
  }
  return size;
}

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

ContentSample::ContentSample(std::size_t positions, PageSize page)
    : page_(static_cast<std::size_t>(page.bytes().count())),
      pages_(positions * page_),
      seen_(positions),
      changed_(positions) {}

std::span<const std::byte> ContentSample::kept(std::size_t position) const {
  return std::span(pages_).subspan(position * page_, page_);
}

void ContentSample::look(std::size_t position, Page page) {
  seen_[position] = true;
  std::copy(page.begin(), page.end(),
            pages_.begin() + static_cast<std::ptrdiff_t>(position * page_));
}

void ContentSample::look_changed(std::size_t position, Page page) {
  const Page before = kept(position);
  const std::size_t encoded = xbzrle_size(before, page);
  changed_[position] = true;
  ++changes_;
  modified_words_ += modified_words(before, page);
  if (encoded > page_) {
    ++overflows_;
  } else {
    xbzrle_bytes_ += static_cast<double>(encoded);
  }
  look(position, page);
}

std::optional<PageContents> ContentSample::contents(
    const std::function<Seconds()>& cpu_time) const {
  return contents_of(seen_, cpu_time);
}

std::optional<PageContents> ContentSample::changed_contents(
    const std::function<Seconds()>& cpu_time) const {
  return contents_of(changed_, cpu_time);
}

std::optional<PageContents> ContentSample::contents_of(
    const std::vector<bool>& wanted, const std::function<Seconds()>& cpu_time) const {
  std::vector<Page> pages;
  for (std::size_t i = 0; i < wanted.size() && pages.size() < kMostCompressed; ++i) {
    if (wanted[i] && !is_zero(kept(i))) pages.push_back(kept(i));
  }
  if (pages.empty()) return std::nullopt;
  PageContents contents;
  contents.sampled = PageCount(static_cast<std::int64_t>(pages.size()));
  Zlib zlib;
  Zstd zstd;
  const Shrunk by_zlib = shrink(pages, zlib, cpu_time);
  const Shrunk by_zstd = shrink(pages, zstd, cpu_time);
  contents.zlib = by_zlib.ratio;
  contents.zlib_per_page = by_zlib.per_page;
  contents.zstd = by_zstd.ratio;
  contents.zstd_per_page = by_zstd.per_page;
  double bits = 0;
  for (const Page page : pages) bits += byte_entropy(page);
  contents.entropy_bits = std::min(8.0, bits / static_cast<double>(pages.size()));
  return contents;
}

std::optional<PageChange> ContentSample::change() const {
  if (changes_ == 0) return std::nullopt;
  PageChange change;
  change.sampled = PageCount(changes_);
  const auto all = static_cast<double>(changes_);
  change.modified_words = Ratio(modified_words_ / all);
  change.xbzrle_overflow = Ratio(static_cast<double>(overflows_) / all);
  if (changes_ > overflows_) {
    change.xbzrle = Bytes(std::llround(xbzrle_bytes_ / static_cast<double>(changes_ - overflows_)));
  }
  return change;
}

}  // namespace godwit::profile
