#include "godwit/hosts/made_fleet.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

namespace godwit::hosts {
namespace {

/// A value and the share of VMs that have it, ascending.
struct Portion {
  double value;
  double share;
};

struct Mix {
  std::string_view name;
  std::vector<Portion> memory;  ///< GiB
  std::vector<Portion> vcpus;
};

/// Shares as CloudFactory has them (P. Jacquet et al., IEEE CLUSTER 2023, hal-04168667;
/// jacquetpi/cloudfactory, examples-scenario/scenario-vm-distribution-*.yml): of Microsoft Azure's
/// public trace (E. Cortez et al., "Resource Central", SOSP 2017), and of OVHcloud in 2023.
const std::vector<Mix>& mixes() {
  static const std::vector<Mix> kMixes{
      {"azure2017",
       {{0.75, 0.04}, {1.75, 0.47}, {3.5, 0.25}, {7, 0.16}, {14, 0.06}, {56, 0.02}},
       {{1, 0.51}, {2, 0.25}, {4, 0.17}, {8, 0.07}}},
      {"ovhcloud2023",
       {{2, 0.1}, {4, 0.19}, {7, 0.25}, {8, 0.13}, {15, 0.2}, {30, 0.05}, {60, 0.03}},
       {{1, 0.1}, {2, 0.47}, {4, 0.33}, {8, 0.05}, {16, 0.03}}}};
  return kMixes;
}

constexpr double kIdle = 0.4;
constexpr std::pair kDirty{1e6, 1e9};        ///< bytes per second
constexpr std::pair kWorkingSet{0.01, 0.5};  ///< of its memory
/// Of a rack's links, what leads out of it.
constexpr double kOutOfRack = 0.25;
/// VMs in a row that no longer fit, after which a host is full.
constexpr int kInVain = 20;
constexpr int kMostHosts = 100'000;
constexpr std::int64_t kMib = 1 << 20;

/// What a share of all VMs stays below.
double at(const std::vector<Portion>& portions, double share) {
  double all = 0, below = 0;
  for (const Portion& one : portions) all += one.share;
  for (const Portion& one : portions) {
    below += one.share / all;
    if (share < below) return one.value;
  }
  return portions.back().value;
}

double log_uniform(std::pair<double, double> range, Rng& rng) {
  return range.first * std::pow(range.second / range.first, rng.uniform());
}

/// The larger one has more vCPUs, as instance types do.
ListedVm drawn_vm(const Mix& mix, Rng& rng) {
  const double share = rng.uniform();
  const auto mib = static_cast<std::int64_t>(at(mix.memory, share) * 1024);
  ListedVm vm;
  vm.memory = Bytes(mib * kMib);
  vm.vcpus = static_cast<int>(at(mix.vcpus, share));
  SimulatedLoad load{BytesPerSecond(), *vm.memory};
  if (rng.uniform() >= kIdle) {
    load.dirty = BytesPerSecond(std::round(log_uniform(kDirty, rng) / 1e3) * 1e3);
    const double part = static_cast<double>(mib) * log_uniform(kWorkingSet, rng);
    load.working_set = Bytes(std::max<std::int64_t>(std::llround(part), 1) * kMib);
  }
  vm.load = load;
  return vm;
}

Result<const Mix*> mix_of(const FleetSize& size) {
  for (const Mix& mix : mixes()) {
    if (mix.name == size.mix) return &mix;
  }
  return fail(ErrorCode::kBadInput, fmt::format("unknown mix of VMs '{}'", size.mix),
              fmt::format("choose {}", fmt::join(mix_names(), " or ")));
}

Result<void> check(const FleetSize& size) {
  if (size.hosts < 2 || size.hosts > kMostHosts || size.rack < 1) {
    return fail(ErrorCode::kBadInput,
                fmt::format("a fleet of {} hosts, {} in a rack", size.hosts, size.rack),
                fmt::format("ask for 2 to {} hosts, and at least 1 in a rack", kMostHosts));
  }
  if (size.fill.value() <= 0 || size.memory < Bytes(kMib)) {
    return fail(ErrorCode::kBadInput, "hosts without memory for any VM",
                "give them memory, and a share of it to fill");
  }
  return {};
}

class Making {
 public:
  Making(const FleetSize& size, const Mix& mix, Rng& rng) : size_(size), mix_(mix), rng_(rng) {}

  FleetFile make() {
    const int racks = (size_.hosts + size_.rack - 1) / size_.rack;
    for (int i = 0; i < size_.hosts; ++i) {
      fleet::FleetHost host{fmt::format("node{}", i + 1), size_.memory};
      fleet_.network.hosts.push_back(
          {host.name, fmt::format("rack{}", i / size_.rack + 1), size_.link, size_.link});
      fill(host.name);
      fleet_.hosts.push_back(std::move(host));
    }
    const BytesPerSecond out = size_.link * Ratio(std::max(size_.rack * kOutOfRack, 1.0));
    for (int i = 0; i < racks && racks > 1; ++i) {
      fleet_.network.uplinks.push_back({fmt::format("rack{}", i + 1), "spine", out, out});
    }
    return std::move(fleet_);
  }

 private:
  void fill(const std::string& host) {
    Bytes left(std::llround(size_.memory.as_double() * size_.fill.value()));
    for (int in_vain = 0; in_vain < kInVain;) {
      ListedVm vm = drawn_vm(mix_, rng_);
      if (*vm.memory > left) {
        ++in_vain;
        continue;
      }
      left = left - *vm.memory;
      vm.host = host;
      fleet_.vms[fmt::format("vm{}", fleet_.vms.size() + 1)] = std::move(vm);
    }
  }

  const FleetSize& size_;
  const Mix& mix_;
  Rng& rng_;
  FleetFile fleet_;
};

}  // namespace

std::vector<std::string> mix_names() {
  std::vector<std::string> names;
  for (const Mix& mix : mixes()) names.emplace_back(mix.name);
  return names;
}

Result<FleetFile> made_fleet(const FleetSize& size, Rng& rng) {
  GODWIT_TRY(const Mix* const mix, mix_of(size));
  GODWIT_CHECK_OK(check(size));
  return Making(size, *mix, rng).make();
}

}  // namespace godwit::hosts
