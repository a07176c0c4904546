#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "fake_carrier.h"
#include "fake_pair.h"
#include "fake_quota.h"
#include "godwit/engine/engine.h"
#include "synthetic_guest.h"

namespace godwit::engine {

/// Two hypervisors and a guest on a simulated clock, where the engine finds them.
struct World {
  static constexpr const char* kSource = "/run/src.qmp";
  static constexpr const char* kDestination = "/run/dst.qmp";
  static constexpr const char* kStream = "tcp:10.0.0.2:4444";

  World() {
    pair.destination.state = RunState::kInmigrate;
    guest.fill(0, 8192);
    guest.write_at_random(2000, 400, 1);
  }
  /// Was anything ordered that changes a VM?
  [[nodiscard]] bool is_untouched() const {
    for (const auto* side : {&pair.source, &pair.destination}) {
      for (const std::string& call : side->log) {
        if (!call.starts_with("query-") && call != "describe") return false;
      }
    }
    return true;
  }

  pair::FakePair::World hosts;
  pair::FakePair pair{hosts};
  profile::SyntheticGuest guest{hosts.clock, 16384};
  bool may_read_memory = true;
  std::optional<Error> no_quota;  ///< why vCPUs can't be slowed down
  pair::FakeQuota quota{hosts, pair};
  std::optional<Error> no_relay;  ///< why the stream can't be relayed
  pair::FakeCarrier::Rates rates;
  std::optional<Seconds> round_trip;  ///< as pings from beside the source measure it
};

/// The synthetic guest's memory, lent.
class LentMemory final : public GuestMemory {
 public:
  explicit LentMemory(GuestMemory& memory) : memory_(memory) {}
  [[nodiscard]] const RamLayout& layout() const override { return memory_.layout(); }
  Result<void> visit_pages(std::span<const std::int64_t> pages, const PageVisitor& visit) override {
    return memory_.visit_pages(pages, visit);
  }
  Result<std::optional<Seconds>> vcpu_time() override { return memory_.vcpu_time(); }
  [[nodiscard]] Seconds own_cpu_time() const override { return memory_.own_cpu_time(); }
  [[nodiscard]] std::optional<int> host_cpus() const override { return memory_.host_cpus(); }

 private:
  GuestMemory& memory_;
};

class NothingCounted final : public ActivityCounter {
 public:
  ActivityCount count() override { return {}; }
};

/// Opens VMs that a test owns, by their monitors' names.
class TestOpener final : public Opener {
 public:
  TestOpener(std::map<std::string, Hypervisor*> vms, World* world)
      : vms_(std::move(vms)), world_(world) {}
  explicit TestOpener(World& world)
      : TestOpener(
            {{World::kSource, &world.pair.source}, {World::kDestination, &world.pair.destination}},
            &world) {}

  Result<std::string> monitor_of(const VmAddress& address, Access) override {
    return std::get<QmpVm>(address).socket;
  }
  std::optional<std::string> monitor_of(const JournalEntry&, Side side) override {
    return side == Side::kSource ? World::kSource : World::kDestination;
  }
  Result<std::shared_ptr<Hypervisor>> connect(const std::string& monitor) override {
    const auto found = vms_.find(monitor);
    if (found == vms_.end()) return fail(ErrorCode::kNotFound, monitor + " does not exist");
    return std::shared_ptr<Hypervisor>(std::shared_ptr<void>(), found->second);  // not owned
  }
  Result<std::unique_ptr<DriverLock>> lock(std::int64_t) override {
    return std::unique_ptr<DriverLock>();
  }
  Result<std::unique_ptr<GuestMemory>> memory_of(Hypervisor&) override {
    if (!world_->may_read_memory) return fail(ErrorCode::kPermission, "a right is missing", "ask");
    return std::unique_ptr<GuestMemory>(std::make_unique<LentMemory>(world_->guest));
  }
  std::unique_ptr<ActivityCounter> activity_of(Hypervisor&, std::int64_t) override {
    return std::make_unique<NothingCounted>();
  }
  Result<std::unique_ptr<CpuQuota>> cpu_quota_of(const VmDescription&) override {
    if (world_->no_quota) return fail(*world_->no_quota);
    return std::unique_ptr<CpuQuota>(std::make_unique<pair::LentQuota>(world_->quota));
  }
  Result<void> give_back_cpu(const LentCpu& lent) override { return world_->quota.give_back(lent); }
  Result<std::unique_ptr<StreamCarrier>> relay_to(const std::string&,
                                                  const VmDescription&) override {
    if (world_->no_relay) return fail(*world_->no_relay);
    return std::unique_ptr<StreamCarrier>(std::make_unique<pair::FakeCarrier>(world_->rates));
  }
  std::optional<Seconds> round_trip_to(const std::string&, const VmDescription&) override {
    return world_ == nullptr ? std::nullopt : world_->round_trip;
  }

 private:
  std::map<std::string, Hypervisor*> vms_;
  World* world_;
};

/// Keeps what the engine said.
class Notes final : public Observer {
 public:
  void warning(const std::string& text) override { warnings.push_back(text); }
  void link_estimated(const LinkEstimate& estimate) override { link = estimate; }
  void observing(const std::string&, Seconds) override { steps.emplace_back("observing"); }
  void on_observing(const profile::ObserveProgress&) override { ++looks; }
  void rehearsing(const std::string&, const std::string& why) override {
    steps.emplace_back("rehearsing");
    why_rehearsed = why;
  }
  void profiled(const GuestProfile&) override { steps.emplace_back("profiled"); }
  void predicted(const Prediction& all, const Link&) override {
    steps.emplace_back("predicted");
    prediction = all;
  }
  void migrating(const MigrationPlan&, const std::string&) override {
    steps.emplace_back("migrating");
  }
  void on_migrating(const control::Progress&) override { ++progress; }
  void ended(const OutcomeRecord&) override { steps.emplace_back("ended"); }

  std::vector<std::string> steps;
  std::vector<std::string> warnings;
  std::string why_rehearsed;
  std::optional<LinkEstimate> link;
  std::optional<Prediction> prediction;
  int looks = 0;
  int progress = 0;
};

}  // namespace godwit::engine
