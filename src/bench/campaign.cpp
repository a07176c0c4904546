#include "godwit/bench/campaign.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string>

#include "godwit/base/rng.h"
#include "log_uniform.h"

namespace godwit::bench {
namespace {

/// Mixes seed and number into one seed (the finaliser of SplitMix64: Steele, Lea, Flood 2014).
std::uint64_t mixed(std::uint64_t seed, std::uint64_t number) {
  std::uint64_t z = seed + (number + 1) * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

template <class T, std::size_t n>
T one_of(Rng& rng, const std::array<T, n>& values) {
  return values[static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(n)))];
}

// Large enough for the guest's kernel (about 60 MiB) beside a load; small enough that the slowest
// link sends it in ten seconds.
constexpr std::array kRam{160_MiB, 224_MiB, 288_MiB, 384_MiB};
constexpr std::array kDowntimeLimits{Seconds(0.05), Seconds(0.1), Seconds(0.3), Seconds(0.6),
                                     Seconds(1.0)};
// What runs on the QEMU that the lab has; compress needs QEMU 9.0 or older.
constexpr std::array kTechniques{
    Technique::kPrecopy, Technique::kPrecopy,     Technique::kAutoConverge, Technique::kXbzrle,
    Technique::kMultifd, Technique::kMultifdZlib, Technique::kMultifdZstd,  Technique::kPostcopy,
    Technique::kHybrid,  Technique::kStopAndCopy};

// Of a guest with a disk of its own on each host.
constexpr std::array kDiskTechniques{
    Technique::kPrecopy,     Technique::kPrecopy,  Technique::kAutoConverge,
    Technique::kMultifd,     Technique::kPostcopy, Technique::kHybrid,
    Technique::kStopAndCopy, Technique::kCold,     Technique::kColdZstd};
constexpr double kShareWithOwnDisk = 0.125;
constexpr double kShareWithPrograms = 0.0625;
// As the largest of the programs needs.
constexpr Bytes kRamForPrograms = 512_MiB;

std::string writer(Rng& rng, Bytes ram) {
  const double most = ram.as_double() / 2.5;
  const auto pages = static_cast<std::int64_t>(log_uniform(rng, 1 << 20, most)) / 4096;
  const std::string rate =
      rng.uniform() < 0.08 ? "full" : fmt::format("{:.0f}kB/s", log_uniform(rng, 500, 120'000));
  std::string text =
      fmt::format("memory-write,set={}KiB,rate={},pattern={},content={}", pages * 4, rate,
                  one_of(rng, std::array{"uniform", "uniform", "sequential", "hot-cold"}),
                  one_of(rng, std::array{"random", "random", "compressible", "zero"}));
  if (rng.uniform() < 0.25) {
    text += fmt::format(",words={}", one_of(rng, std::array{1, 8, 64, 256}));
  }
  return text;
}

/// A name that says the kind, and what the guest does.
std::pair<std::string, std::string> load(Rng& rng, Bytes ram) {
  const double kind = rng.uniform();
  const auto fill = static_cast<std::int64_t>(rng.uniform() * ram.as_double() / 4) >> 20;
  const std::string filled = fill > 0 ? fmt::format(",fill={}MiB", fill) : "";
  if (kind < 0.60) return {"memory-write", writer(rng, ram) + filled};
  if (kind < 0.65) return {"idle", "idle" + filled};
  if (kind < 0.70) return {"cpu", fmt::format("cpu,duty={}", rng.uniform() < 0.5 ? "50%" : "full")};
  if (kind < 0.75) return {"memory-read", "memory-read,set=32MiB,rate=50MB/s"};
  if (kind < 0.80) return {"disk-write", "disk-write,set=32MiB,rate=5MB/s"};
  if (kind < 0.84) return {"disk-read", "disk-read,set=48MiB,rate=10MB/s"};
  if (kind < 0.87) return {"http", "http,port=80"};
  if (kind < 0.89) return {"tcp-send", "tcp-send,peer=10.77.0.1:7200,rate=2MB/s"};
  if (kind < 0.91) return {"udp-send", "udp-send,peer=10.77.0.1:7201,rate=2MB/s"};
  if (kind < 0.93) return {"tcp-receive", "tcp-receive,port=7100"};
  if (kind < 0.95) return {"udp-receive", "udp-receive,port=7101"};
  if (kind < 0.98) {
    return {"phases", writer(rng, ram) + "@2s;idle@1s"};
  }
  return {"mixed", "cpu,duty=30%+" + writer(rng, ram)};
}

std::pair<std::string, std::string> program(Rng& rng) {
  const std::string name = one_of(rng, std::array{"redis", "postgres", "nginx", "compile"});
  return {name, "program,name=" + name};
}

/// What stays the same until the next reboot.
struct Guest {
  Bytes ram;
  bool own_disk = false;  ///< on each host: it moves along
  bool programs = false;  ///< real ones
};

Guest any_guest(Rng& rng) {
  const Bytes ram = one_of(rng, kRam);
  const double kind = rng.uniform();
  if (kind < kShareWithOwnDisk) return {ram, true, false};
  if (kind < kShareWithOwnDisk + kShareWithPrograms) return {kRamForPrograms, false, true};
  return {ram, false, false};
}

}  // namespace

Cell campaign_cell(std::uint64_t seed, std::int64_t number) {
  // its own stream for what a guest is, so that its cells agree
  Rng of_guest(mixed(~seed, static_cast<std::uint64_t>(number / kCellsPerGuest)));
  Rng rng(mixed(seed, static_cast<std::uint64_t>(number)));
  const Guest guest = any_guest(of_guest);
  Cell cell;
  cell.ram = guest.ram;
  std::tie(cell.load, cell.spec) = guest.programs ? program(rng) : load(rng, guest.ram);
  cell.technique = guest.own_disk ? one_of(rng, kDiskTechniques) : one_of(rng, kTechniques);
  cell.technique.storage = guest.own_disk && !is_cold(cell.technique);
  const double slowest = guest.programs ? 60e6 : 20e6;
  cell.link = BytesPerSecond(std::round(log_uniform(rng, slowest, 120e6) / 1e5) * 1e5);
  cell.parameters.downtime_limit = one_of(rng, kDowntimeLimits);
  if (cell.technique.ending == Ending::kPostcopyAfterShare) {
    cell.parameters.precopy_share = Ratio(one_of(rng, std::array{0.25, 0.5, 0.75, 1.0}));
  }
  if (uses_postcopy(cell.technique)) cell.parameters.postcopy_preempt = rng.uniform() < 0.33;
  cell.max_time = Seconds(guest.own_disk ? 40 : 20);
  cell.observe = Seconds(2);
  cell.rehearse = !is_cold(cell.technique);
  return cell;
}

}  // namespace godwit::bench
