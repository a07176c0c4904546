#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/rng.h"
#include "godwit/fleet/mover.h"
#include "godwit/fleet/record.h"

namespace godwit::fleet {

/// What becomes of one attempt to move a VM.
enum class Fate {
  kWell,
  kNotBegun,  ///< its destination can't be started
  kFails,     ///< the guest runs on at its source
  kVanishes,  ///< the VM ends
  kUnclear,   ///< nobody can tell where it runs
  kUnwell,    ///< it arrives, and is not well
  kBusy,      ///< somebody else drives it
};

/// Hosts and VMs in memory. It counts every step that is taken in it, and at one of them the Godwit
/// that takes it may be killed: from then on nothing that it does has any effect. Each VM is at one
/// host at most at any time, and no host carries more than it can.
class FakeWorld final : public Mover, public Record {
 public:
  struct Vm {
    std::string host;  ///< empty: it runs nowhere
    std::int64_t memory = 1;
    bool moving = false;
    std::string left_for{};  ///< a killed Godwit had begun to move it there
    std::string maybe_on{};  ///< it may run there, too: its QEMU there takes its memory
  };

  std::map<std::string, Vm> vms;
  std::map<std::string, std::int64_t> room;           ///< memory of hosts
  std::map<std::pair<std::string, int>, Fate> fates;  ///< by VM and attempt, from 1 on; else kWell
  std::set<std::string> closed;                       ///< hosts that take none
  std::map<std::string, int> closes_after;            ///< hosts that take none after so many moves
  std::set<std::string> unsettled;                    ///< VMs that don't say where they run
  std::set<std::string> held;                         ///< VMs whose streams last until released
  int held_after = -1;                      ///< streams after so many are held, too; negative: none
  std::map<std::string, Seconds> patience;  ///< that the last order for a VM had
  /// What each host's link carries in each direction, in bytes per second; else it is not looked
  /// at.
  std::map<std::string, double> carries{{"a", 1e6}, {"b", 1e6}, {"c", 1e6}};
  std::vector<Entry> entries;
  std::function<void()> when_asked;  ///< called while a host is asked whether it takes a VM
  int killed_at = -1;                ///< the step at which the Godwit is killed; negative: never
  int record_full = -1;              ///< entries after which none can be written; negative: never
  std::uint64_t seed = 1;            ///< decides what becomes of moves that a killed Godwit left

  [[nodiscard]] int steps() const { return steps_; }
  /// Another Godwit comes.
  void revive() {
    killed_at = -1;
    steps_ = 0;
    for (auto& [name, vm] : vms) vm.moving = false;
    attempts_.clear();
    streams_.clear();
  }
  [[nodiscard]] bool lives() const { return killed_at < 0 || steps_ <= killed_at; }
  [[nodiscard]] int most_at_once() const { return most_at_once_; }
  /// Thread-safe.
  void release(const std::string& vm) {
    const std::lock_guard lock(mutex_);
    held.erase(vm);
    released_.notify_all();
  }

  // --- Record ---
  Result<void> append(const Entry& entry) override {
    const std::lock_guard lock(mutex_);
    if (!step()) return dead();
    if (record_full >= 0 && static_cast<int>(entries.size()) >= record_full) {
      return fail(ErrorCode::kEnvironment, "the disk is full", "free some space");
    }
    entries.push_back(entry);
    return {};
  }

  // --- Mover ---
  Result<std::string> settle(const std::string& name, std::stop_token) override {
    const std::lock_guard lock(mutex_);
    if (!step()) return dead();
    Vm& vm = vms.at(name);
    if (unsettled.contains(name)) {
      vm.maybe_on = left_last_[name];
      return fail(ErrorCode::kBusy, "it is paused", "let it go on");
    }
    if (vm.moving) return fail(ErrorCode::kBusy, "it is moved");
    if (!vm.left_for.empty()) {  // QEMU may have ended it by itself, or it is cancelled
      Rng rng(seed + name.size());
      if (rng.below(2) == 1) vm.host = vm.left_for;
      vm.left_for.clear();
    }
    if (vm.host.empty()) return fail(ErrorCode::kNotFound, "it runs nowhere");
    return vm.host;
  }

  Result<void> check_destination(const std::string&, const std::string& host) override {
    const std::lock_guard lock(mutex_);
    if (!step()) return dead();
    const auto closes = closes_after.find(host);
    if (closes != closes_after.end() && closes->second-- <= 0) closed.insert(host);
    if (when_asked) when_asked();
    if (closed.contains(host)) return fail(ErrorCode::kRefused, "its lid is closed");
    return {};
  }

  Result<MigrationOutcome> move(const MoveOrder& order, MoveWatcher& watcher,
                                std::stop_token stop) override {
    const PlannedMove& move = order.move;
    GODWIT_TRY(const Fate fate, arrive(move));
    note_patience(order);
    const Leaving leaving(*this, move);
    if (fate == Fate::kNotBegun) return fail(ErrorCode::kTimeout, "no destination", "look there");
    if (fate == Fate::kBusy) return fail(ErrorCode::kBusy, "somebody else drives it", "wait");
    GODWIT_CHECK_OK(watcher.destination_started("/run/" + move.vm));
    if (!watcher.await_turn() || stop.stop_requested()) {
      return fail(ErrorCode::kInterrupted, "interrupted before the migration began");
    }
    return migrate(move, fate, watcher, stop);
  }

 private:
  void note_patience(const MoveOrder& order) {
    const std::lock_guard lock(mutex_);
    patience[order.move.vm] = order.patience;
  }
  static tl::unexpected<Error> dead() { return fail(ErrorCode::kInternal, "killed"); }
  bool step() {
    ++steps_;
    return lives();
  }

  /// A destination is started.
  Result<Fate> arrive(const PlannedMove& move) {
    const std::lock_guard lock(mutex_);
    if (!step()) return dead();
    Vm& vm = vms.at(move.vm);
    EXPECT_FALSE(vm.moving) << move.vm << " is moved twice at once";
    EXPECT_TRUE(vm.left_for.empty()) << move.vm << " was left by a killed Godwit";
    EXPECT_EQ(vm.host, move.from) << move.vm;
    vm.moving = true;
    arriving_[move.vm] = left_last_[move.vm] = move.to;
    std::int64_t used = 0;
    for (const auto& [name, one] : vms) {
      const auto arriving = arriving_.find(name);
      const bool comes = arriving != arriving_.end() && arriving->second == move.to;
      const bool there = one.host == move.to || one.maybe_on == move.to;
      used += comes || there ? one.memory : 0;  // once, until its move has ended
    }
    const auto limit = room.find(move.to);
    EXPECT_TRUE(limit == room.end() || used <= limit->second) << move.to << " carries too much";
    const auto known = fates.find({move.vm, ++attempts_[move.vm]});
    return known == fates.end() ? Fate::kWell : known->second;
  }

  /// However it ends, the destination is the VM's, or gone.
  class Leaving {
   public:
    Leaving(FakeWorld& world, const PlannedMove& move) : world_(world), move_(move) {}
    Leaving(const Leaving&) = delete;
    Leaving& operator=(const Leaving&) = delete;
    ~Leaving() {
      const std::lock_guard lock(world_.mutex_);
      world_.arriving_.erase(move_.vm);
      if (world_.lives()) world_.vms.at(move_.vm).moving = false;
    }

   private:
    FakeWorld& world_;
    const PlannedMove& move_;
  };

  /// True once its stream may end by itself, false where it was cancelled.
  bool outlast_hold(const std::string& vm, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (!held.contains(vm)) return true;
    const bool released =
        released_.wait_for(lock, stop, std::chrono::minutes(1), [&] { return !held.contains(vm); });
    EXPECT_TRUE(released || stop.stop_requested()) << vm << " was held for a minute";
    return released;
  }

  Result<MigrationOutcome> migrate(const PlannedMove& move, Fate fate, MoveWatcher& watcher,
                                   const std::stop_token& stop) {
    begin(move);
    control::Progress progress;
    progress.phase = MigrationPhase::kActive;
    watcher.on_progress(progress);
    MigrationOutcome outcome;
    outcome.technique = move.technique;
    outcome.total_time = Seconds(1);
    if (!outlast_hold(move.vm, stop)) fate = Fate::kFails;
    GODWIT_CHECK_OK(finish(move, fate, outcome));
    progress.phase = MigrationPhase::kCompleted;
    watcher.on_progress(progress);
    return outcome;
  }

  void begin(const PlannedMove& move) {
    const std::lock_guard lock(mutex_);
    most_at_once_ = std::max(most_at_once_, ++at_once_);
    streams_[move.vm] = move;
    if (held_after >= 0 && begun_++ >= held_after) held.insert(move.vm);
    for (const auto& [host, most] : carries) {
      double sent = 0, received = 0;
      for (const auto& [name, stream] : streams_) {
        sent += stream.from == host ? stream.rate.value() : 0;
        received += stream.to == host ? stream.rate.value() : 0;
      }
      EXPECT_LE(std::max(sent, received), most * (1 + 1e-6)) << "over the link of host " << host;
    }
    if (step()) vms.at(move.vm).left_for = move.to;  // until it is ended
  }

  Result<void> finish(const PlannedMove& move, Fate fate, MigrationOutcome& outcome) {
    const std::lock_guard lock(mutex_);
    --at_once_;
    streams_.erase(move.vm);
    if (!step()) return dead();
    Vm& vm = vms.at(move.vm);
    vm.left_for.clear();
    outcome.status = OutcomeStatus::kFailed;
    outcome.vm_runs_on = VmRunsOn::kSource;
    outcome.reason = "the link broke";
    if (fate == Fate::kVanishes) vm.host.clear();
    if (fate == Fate::kUnclear) {
      outcome.vm_runs_on = VmRunsOn::kUnknown;
      vm.maybe_on = move.to;
    }
    if (fate == Fate::kWell || fate == Fate::kUnwell) {
      vm.host = move.to;
      outcome.vm_runs_on = VmRunsOn::kDestination;
    }
    if (fate == Fate::kWell) {
      outcome.status = OutcomeStatus::kCompleted;
      outcome.reason.clear();
    }
    return {};
  }

  std::mutex mutex_;
  std::condition_variable_any released_;
  int steps_ = 0;
  int at_once_ = 0;
  int begun_ = 0;
  int most_at_once_ = 0;
  std::map<std::string, int> attempts_;
  std::map<std::string, PlannedMove> streams_;
  std::map<std::string, std::string> arriving_;   ///< VM: its destination
  std::map<std::string, std::string> left_last_;  ///< VM: its last destination
};

}  // namespace godwit::fleet
