#include "fake_dirty_vm.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace godwit::pair {
namespace {
constexpr Seconds kStep{0.001};
constexpr Seconds kSlice{0.1};
constexpr Seconds kPatience{10};  ///< of the adapter for an answer
constexpr std::int64_t kThresholdPages = 5;
}  // namespace

Result<void> FakeDirtyVm::enter(const std::function<void()>& act) {
  const int call = calls++;
  live();  // a test's clock may have been moved by others
  if (before_call) before_call(call);
  if (call == die_at_call) alive = false;
  if (!alive) return fail(ErrorCode::kPeerGone, "the process ended");
  if (silent_from_call >= 0 && call >= silent_from_call) {
    live_until(clock.now() + kPatience);
    return fail(ErrorCode::kTimeout, "no answer");
  }
  act();
  if (call == lose_answer_of_call) {
    live_until(clock.now() + kPatience);
    return fail(ErrorCode::kTimeout, "no answer");
  }
  return {};
}

bool FakeDirtyVm::under_way() const {
  return status.phase != MigrationPhase::kNone && !is_final(status.phase);
}

void FakeDirtyVm::say(HypervisorEvent::Kind kind) {
  HypervisorEvent event;
  event.kind = kind;
  event.phase = status.phase;
  event.pass = status.dirty_sync_count.value_or(0);
  event.wall_us = clock.wall_us();
  events_.push_back(std::move(event));
}

void FakeDirtyVm::become(MigrationPhase phase) {
  status.phase = phase;
  say(HypervisorEvent::Kind::kMigration);
}

void FakeDirtyVm::live_until(TimePoint deadline) {
  while (clock.now() < deadline) {
    clock.advance(kStep);
    live();
  }
}

void FakeDirtyVm::live() {
  if (!under_way()) return;
  const Seconds age = clock.now() - start_;
  if (cancelled_) {
    if (clock.now() - *cancelled_ < Seconds(0.02)) return;
    become(MigrationPhase::kCancelled);
    if (about.state == RunState::kFinishMigrate && !stays_stopped) {
      about.state = RunState::kRunning;
      say(HypervisorEvent::Kind::kResume);
    }
    return;
  }
  if (fails_after && age > *fails_after) {
    status.error = "the channel broke";
    return become(MigrationPhase::kFailed);
  }
  if (paused_after && age > *paused_after && about.state == RunState::kRunning) {
    about.state = RunState::kPaused;
    say(HypervisorEvent::Kind::kStop);
  }
  if (status.phase == MigrationPhase::kActive) send_slice();
}

void FakeDirtyVm::send_slice() {
  if (clock.now() - slice_ >= kSlice) {
    slice_ = clock.now();
    sent_in_slice_ = 0;
    status.throughput = BytesPerSecond(1e6);
  }
  const double quota = set.max_bandwidth->value() / 10;
  constexpr std::int64_t kPagesPerStep = 1000;  // 4 GB/s is as fast as it goes
  if (sent_in_slice_ >= quota) return;
  if (left_ == 0) return sync();
  const double affordable = std::ceil((quota - sent_in_slice_) / bytes_per_page);
  const std::int64_t pages = std::min(
      left_, affordable < kPagesPerStep ? static_cast<std::int64_t>(affordable) : kPagesPerStep);
  const double bytes = static_cast<double>(pages) * bytes_per_page;
  left_ -= pages;
  sent_in_slice_ += bytes;
  status.normal_pages = *status.normal_pages + PageCount(pages);
  *status.transferred += Bytes(static_cast<std::int64_t>(bytes));
  status.remaining = Bytes(left_ * kPage);
}

void FakeDirtyVm::sync() {
  left_ = std::min(kRamPages, curve(clock.now() - last_sync_).count() / kPage);
  last_sync_ = clock.now();
  status.remaining = Bytes(left_ * kPage);
  ++*status.dirty_sync_count;
  say(HypervisorEvent::Kind::kPass);
  sent_in_slice_ += 20;  // a section's header and footer
  if (left_ >= kThresholdPages || on.contains(Capability::kSwitchoverAck)) return;
  about.state = RunState::kFinishMigrate;
  ++stops;
  say(HypervisorEvent::Kind::kStop);
  become(MigrationPhase::kPreSwitchover);
}

Result<VmDescription> FakeDirtyVm::describe() {
  GODWIT_CHECK_OK(enter());
  return about;
}
Result<RunState> FakeDirtyVm::run_state() {
  GODWIT_CHECK_OK(enter());
  return about.state;
}
Result<MigrationStatus> FakeDirtyVm::migration_status() {
  GODWIT_CHECK_OK(enter());
  return status;
}
Result<CapabilitySet> FakeDirtyVm::capabilities() {
  GODWIT_CHECK_OK(enter());
  return on;
}
Result<void> FakeDirtyVm::set_capabilities(const CapabilitySet& add, const CapabilitySet& drop) {
  if (under_way()) {
    return fail(ErrorCode::kRefused, "There's a migration process in progress");
  }
  return enter([&] {
    on.insert(add.begin(), add.end());
    for (const Capability one : drop) on.erase(one);
  });
}
Result<MigrationParameters> FakeDirtyVm::parameters() {
  GODWIT_CHECK_OK(enter());
  return set;
}
Result<void> FakeDirtyVm::set_parameters(const MigrationParameters& p) {
  return enter([&] {
    if (p.max_bandwidth) set.max_bandwidth = p.max_bandwidth;
    if (p.downtime_limit) set.downtime_limit = p.downtime_limit;
    if (p.avail_switchover_bandwidth) set.avail_switchover_bandwidth = p.avail_switchover_bandwidth;
  });
}

Result<void> FakeDirtyVm::migrate_to_sink() {
  if (refuse_migrate) return fail(ErrorCode::kRefused, *refuse_migrate);
  return enter([&] {
    ++migrations;
    cancelled_.reset();
    start_ = last_sync_ = slice_ = clock.now();
    left_ = kRamPages;
    status = {};
    status.page_size = Bytes(kPage);
    status.total = status.remaining = Bytes(kRamPages * kPage);
    status.transferred = Bytes(0);
    status.normal_pages = status.zero_pages = PageCount(0);
    status.dirty_sync_count = 1;
    become(MigrationPhase::kActive);
    say(HypervisorEvent::Kind::kPass);
  });
}

Result<void> FakeDirtyVm::cancel() {
  return enter([&] {
    if (!under_way() || ignored_cancels-- > 0) return;
    become(MigrationPhase::kCancelling);
    cancelled_ = clock.now();
  });
}

Result<void> FakeDirtyVm::resume() {
  return enter([&] {
    about.state = RunState::kRunning;
    say(HypervisorEvent::Kind::kResume);
  });
}

Result<std::optional<HypervisorEvent>> FakeDirtyVm::next_event(TimePoint deadline) {
  if (!alive) return fail(ErrorCode::kPeerGone, "the process ended");
  GODWIT_CHECK_OK(enter());
  while (events_.empty() && clock.now() < deadline) live_until(clock.now() + kStep);
  if (events_.empty()) return std::optional<HypervisorEvent>();
  HypervisorEvent event = std::move(events_.front());
  events_.pop_front();
  return std::optional(std::move(event));
}

Result<void> FakeDirtyVm::begin_count(Seconds window) {
  GODWIT_CHECK_OK(enter());
  if (refuse_count) return fail(ErrorCode::kRefused, *refuse_count);
  counted.push_back(window);
  count_begun_ = clock.now();
  return {};
}

/// In whole MiB a second, as QEMU says it.
Result<std::optional<DirtyCount>> FakeDirtyVm::dirty_count() {
  GODWIT_CHECK_OK(enter());
  const Seconds window = counted.back() + counts_longer;
  if (clock.now() - count_begun_ < window) return std::optional<DirtyCount>();
  const double rate = std::floor((curve(window) / window).value() / Bytes(1_MiB).as_double());
  const auto within = [&](double mib) {
    return BytesPerSecond(mib * Bytes(1_MiB).as_double()) * window;
  };
  return std::optional(DirtyCount{counts_by, window, within(rate), within(rate + 1)});
}

}  // namespace godwit::pair
