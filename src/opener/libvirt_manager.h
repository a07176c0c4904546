#pragma once

#include <memory>
#include <utility>

#include "godwit/engine/manager.h"
#include "godwit/libvirt/domain.h"

namespace godwit::opener {

/// libvirt on both hosts.
class LibvirtManager final : public engine::Manager {
 public:
  /// `clock` outlives it.
  LibvirtManager(Clock& clock, std::shared_ptr<libvirt::LibvirtDomain> source,
                 std::shared_ptr<libvirt::Connection> destination)
      : clock_(clock), source_(std::move(source)), destination_(std::move(destination)) {}

  Result<engine::ManagedSides> look(const MigrationPlan& plan) override;
  std::unique_ptr<MigrationSession> session(Journal& journal, const std::string& source,
                                            const std::string& destination,
                                            const engine::Lent& lent) override;

 private:
  Clock& clock_;
  std::shared_ptr<libvirt::LibvirtDomain> source_;
  std::shared_ptr<libvirt::Connection> destination_;
};

}  // namespace godwit::opener
