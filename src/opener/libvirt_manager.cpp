#include "libvirt_manager.h"

#include "godwit/libvirt_move/preflight.h"
#include "godwit/libvirt_move/session.h"

namespace godwit::opener {

Result<engine::ManagedSides> LibvirtManager::look(const MigrationPlan& plan) {
  GODWIT_TRY(libvirt_move::Findings found,
             libvirt_move::look_at_both(*source_, *destination_, plan));
  return engine::ManagedSides{std::move(found.destination), std::move(found.abilities),
                              std::move(found.warnings)};
}

std::unique_ptr<MigrationSession> LibvirtManager::session(Journal& journal,
                                                          const std::string& source,
                                                          const std::string& destination,
                                                          const engine::Lent& lent) {
  return libvirt_move::make_session(clock_, {*source_, destination_, source, destination, &journal,
                                             lent.cpu_quota, lent.carrier});
}

}  // namespace godwit::opener
