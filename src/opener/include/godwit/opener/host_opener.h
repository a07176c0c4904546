#pragma once

#include <stop_token>
#include <string>
#include <utility>

#include "godwit/base/clock.h"
#include "godwit/engine/opener.h"

namespace godwit::opener {

/// Opens QEMUs by their QMP sockets, those of a lab by their names in it, and domains of libvirt's.
class HostOpener final : public engine::Opener {
 public:
  /// `lab`: the one that `lab:` addresses mean. `stop` ends waiting for daemons of libvirt's.
  HostOpener(Clock& clock, std::string lab, std::stop_token stop = {})
      : clock_(clock), lab_(std::move(lab)), stop_(std::move(stop)) {}

  Result<std::string> monitor_of(const VmAddress& address, engine::Access access) override;
  std::optional<std::string> monitor_of(const JournalEntry& entry, Side side) override;
  Result<std::shared_ptr<Hypervisor>> connect(const std::string& monitor) override;
  Result<std::unique_ptr<engine::DriverLock>> lock(std::int64_t pid) override;
  Result<std::unique_ptr<GuestMemory>> memory_of(Hypervisor& vm) override;
  std::unique_ptr<ActivityCounter> activity_of(Hypervisor& vm, std::int64_t pid) override;
  Result<std::unique_ptr<CpuQuota>> cpu_quota_of(const VmDescription& vm) override;
  Result<void> give_back_cpu(const LentCpu& lent) override;
  Result<std::unique_ptr<StreamCarrier>> relay_to(const std::string& stream,
                                                  const VmDescription& source) override;
  std::optional<Seconds> round_trip_to(const std::string& stream,
                                       const VmDescription& source) override;
  Result<std::unique_ptr<engine::Manager>> manager_of(const std::shared_ptr<Hypervisor>& source,
                                                      const LibvirtHost& destination) override;
  Result<std::unique_ptr<DiskCopier>> disk_copier_of(const VmDescription& source) override;

 private:
  Clock& clock_;
  std::string lab_;
  std::stop_token stop_;
};

}  // namespace godwit::opener
