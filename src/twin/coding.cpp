#include "coding.h"

#include <algorithm>
#include <cmath>

#include "godwit/twin/qemu.h"

namespace godwit::twin {
namespace {

/// A multifd packet: a header of 64 bytes and an offset of 8 for each of its 128 pages (multifd.h).
constexpr double kMultifdPage = 8 + 64.0 / 128;
constexpr double kMultifdZeroMark = 8;
constexpr int kMultifdChannels = 2;
constexpr double kXbzrleHeader = 3;  // a flag and the length
constexpr double kXbzrleCache = 64 << 20;
// `compress`, QEMU up to 9.0: the length before each page; QEMU's number of threads
constexpr double kCompressLength = 4;
constexpr int kCompressThreads = 8;

Coding plain(double page) {
  const double whole = 1 + kPageHeader / page;
  return {.first = whole, .end = whole, .later = whole, .cached = whole, .zero_mark = kZeroMark};
}

Coding by_xbzrle(const Guest& guest, const MigrationParameters& parameters) {
  Coding coding = plain(guest.page);
  coding.cache = parameters.xbzrle_cache ? parameters.xbzrle_cache->as_double() : kXbzrleCache;
  if (!guest.change) return coding;
  const double overflow = guest.change->xbzrle_overflow.value();
  const double small =
      (guest.change->xbzrle.as_double() + kPageHeader + kXbzrleHeader) / guest.page;
  coding.cached = overflow * coding.later + (1 - overflow) * small;
  return coding;
}

/// How a compressor shrinks a page, and what that costs.
struct Compressor {
  Ratio PageContents::*ratio;
  Seconds PageContents::*cost;
  double HostPairConstants::*stream;  ///< null: each page by itself
};
constexpr Compressor kPages{&PageContents::zlib, &PageContents::zlib_per_page, nullptr};
constexpr Compressor kZlib{&PageContents::zlib, &PageContents::zlib_per_page,
                           &HostPairConstants::zlib_stream};
constexpr Compressor kZstd{&PageContents::zstd, &PageContents::zstd_per_page,
                           &HostPairConstants::zstd_stream};

/// What vCPUs leave of the host's processors, at least a fair share, to so many threads that code.
double processors_for(int threads, const Guest& guest, const HostPairConstants& pair) {
  const double busy = guest.cpu_use * guest.vcpus;
  const double all = pair.processors.p50 * guest.host_cpus;
  const double fair = all * threads / (threads + busy);
  return std::min<double>(threads, std::max(all - busy, fair));
}

/// `header`: bytes beside a page.
Coding by_compressing(const Guest& guest, const HostPairConstants& pair,
                      const Compressor& compressor, double header, int threads) {
  Coding coding;
  const auto shrunk = [&](const std::optional<PageContents>& contents) {
    if (!contents) return 1.0;
    const double ratio = ((*contents).*compressor.ratio).value();
    const bool shown = compressor.stream == nullptr || contents->in_runs;
    return std::pow(ratio, shown ? 1.0 : pair.*compressor.stream) + header / guest.page;
  };
  coding.first = shrunk(guest.contents);
  coding.end = shrunk(guest.end_contents ? guest.end_contents : guest.contents);
  coding.later = coding.cached =
      shrunk(guest.changed_contents ? guest.changed_contents : guest.contents);
  if (guest.contents && ((*guest.contents).*compressor.cost).count() > 0) {
    coding.cpu_per_byte = ((*guest.contents).*compressor.cost).count() / guest.page;
    coding.cpu_rate =
        processors_for(threads, guest, pair) * pair.compressing_speed / coding.cpu_per_byte;
  }
  return coding;
}

Coding by_multifd(const Guest& guest) {
  const double whole = 1 + kMultifdPage / guest.page;
  return {
      .first = whole, .end = whole, .later = whole, .cached = whole, .zero_mark = kMultifdZeroMark};
}

Coding by_multifd(const Guest& guest, const MigrationParameters& parameters,
                  const HostPairConstants& pair, const Compressor& compressor) {
  const int channels = parameters.multifd_channels.value_or(kMultifdChannels);
  Coding coding = by_compressing(guest, pair, compressor, kMultifdPage, channels);
  coding.zero_mark = kMultifdZeroMark;
  return coding;
}

}  // namespace

/// Channels compress; one stream codes each page by itself.
Coding coding_of(Technique technique, const Guest& guest, const MigrationParameters& parameters,
                 const HostPairConstants& pair) {
  switch (technique.codec) {
    case Codec::kXbzrle:
      return by_xbzrle(guest, parameters);
    case Codec::kCompress:
      return by_compressing(guest, pair, kPages, kPageHeader + kCompressLength, kCompressThreads);
    case Codec::kZlib:
      return by_multifd(guest, parameters, pair, kZlib);
    case Codec::kZstd:
      return by_multifd(guest, parameters, pair, kZstd);
    case Codec::kNone:
      break;
  }
  return technique.streams == Streams::kMultifd ? by_multifd(guest) : plain(guest.page);
}

Throttling throttling_of(Technique technique, const MigrationParameters& parameters) {
  Throttling t;
  t.on = technique.throttle == Throttle::kAutoConverge;
  const auto share = [](std::optional<int> percent, double usual) {
    return percent ? *percent / 100.0 : usual;
  };
  t.initial = share(parameters.throttle_initial_percent, t.initial);
  t.increment = share(parameters.throttle_increment_percent, t.increment);
  t.most = share(parameters.max_throttle_percent, t.most);
  return t;
}

}  // namespace godwit::twin
