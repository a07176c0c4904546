#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "fake_pair.h"
#include "godwit/domain/cpu_quota.h"

namespace godwit::pair {

/// The control groups of the source's host, as far as one VM is concerned. Its calls count among
/// those of FakePair, and the same faults may come before each of them.
class FakeQuota {
 public:
  FakeQuota(FakePair::World& world, FakePair& pair) : world_(world), pair_(pair) {}

  // --- the port's calls ---
  Result<LentCpu> plan();
  Result<void> limit(Ratio share);
  Result<void> lift();
  Result<std::vector<VcpuUse>> used();
  /// By a successor.
  Result<void> give_back(const LentCpu& lent);
  /// When the port is destroyed: no fault comes, and a Godwit that is dead does nothing.
  void let_go();

  // --- the truth ---
  std::optional<Ratio> share;       ///< as the kernel keeps it; absent: not limited
  std::vector<Ratio> limits;        ///< that were ever set
  std::optional<Ratio> guest_uses;  ///< of one CPU, where it is let; absent: all that it gets
  std::optional<Error> refuses;     ///< each plan
  bool stuck = false;               ///< nothing can be given back
  std::function<void()> on_limit;   ///< just before one is set

 private:
  /// Counts the call and plays the fault; `act` is what the call does to the host.
  Result<void> enter(const std::function<void()>& act);
  void run_until_now();

  FakePair::World& world_;
  FakePair& pair_;
  TimePoint counted_{};
  Seconds on_cpu_{};
};

/// The port, lent by a fake that outlives it.
class LentQuota final : public CpuQuota {
 public:
  explicit LentQuota(FakeQuota& host) : host_(host) {}
  ~LentQuota() override { host_.let_go(); }
  Result<LentCpu> plan() override { return host_.plan(); }
  Result<void> limit(Ratio share) override { return host_.limit(share); }
  Result<void> lift() override { return host_.lift(); }
  Result<std::vector<VcpuUse>> used() override { return host_.used(); }

 private:
  FakeQuota& host_;
};

}  // namespace godwit::pair
