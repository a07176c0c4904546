#include "fake_quota.h"

#include <algorithm>

namespace godwit::pair {
namespace {

const LentCpu kLent{4711, 12345, CgroupVersion::kV2, "godwit-4711-12345", {{"/vm", true}}};

}  // namespace

Result<void> FakeQuota::enter(const std::function<void()>& act) {
  using Fault = FakePair::Fault;
  const bool faulty = world_.calls++ == world_.fault_at_call;
  pair_.advance();
  if (faulty) pair_.play_fault(pair_.source);
  if (world_.godwit_is_dead) return fail(ErrorCode::kInternal, "nobody asks");
  if (faulty && world_.fault == Fault::kRefuses) return fail(ErrorCode::kPermission, "not allowed");
  act();
  if (!faulty || world_.fault != Fault::kTimesOut) return {};
  return fail(ErrorCode::kBusy, "it may have been done");
}

Result<LentCpu> FakeQuota::plan() {
  GODWIT_CHECK_OK(enter([] {}));
  if (refuses) return fail(*refuses);
  return kLent;
}

Result<void> FakeQuota::limit(Ratio wanted) {
  return enter([this, wanted] {
    if (on_limit) on_limit();
    run_until_now();
    share = wanted;
    limits.push_back(wanted);
  });
}

Result<void> FakeQuota::lift() {
  if (stuck) return fail(ErrorCode::kPermission, "/sys/fs/cgroup is read-only");
  return enter([this] {
    run_until_now();
    share.reset();
  });
}

/// With the share that was set last.
void FakeQuota::run_until_now() {
  const Ratio got = share.value_or(Ratio(1));
  const TimePoint now = world_.clock.now();
  on_cpu_ += (now - counted_) * std::min(got, guest_uses.value_or(got)).value();
  counted_ = now;
}

Result<std::vector<VcpuUse>> FakeQuota::used() {
  GODWIT_CHECK_OK(enter([this] { run_until_now(); }));
  return std::vector<VcpuUse>{{0, 4712, on_cpu_, {}}};
}

Result<void> FakeQuota::give_back(const LentCpu& lent) {
  if (!(lent == kLent)) return fail(ErrorCode::kCorrupt, "that was never lent");
  if (stuck) return fail(ErrorCode::kPermission, "/sys/fs/cgroup is read-only", "mount it");
  share.reset();
  return {};
}

void FakeQuota::let_go() {
  if (!world_.godwit_is_dead && !stuck) share.reset();
}

}  // namespace godwit::pair
