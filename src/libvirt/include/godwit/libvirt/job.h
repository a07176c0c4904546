#pragma once

#include <libvirt/libvirt.h>

#include <span>
#include <string>
#include <string_view>

#include "godwit/domain/hypervisor.h"

/// What libvirt says of jobs and states, in Godwit's words. Pure.

namespace godwit::libvirt {

/// A job's statistics: the VIR_DOMAIN_JOB_… parameters, typed as libvirt sends them. The phase is
/// the caller's to tell, as libvirt names none. Of a job that has ended (`ended`) the downtime is
/// libvirt's, from the guest's stop to its going on; before, it is what QEMU expects.
[[nodiscard]] MigrationStatus status_of(std::span<const virTypedParameter> job, bool ended);
/// VIR_DOMAIN_JOB_OPERATION_…; unknown where it is not said.
[[nodiscard]] int operation_of(std::span<const virTypedParameter> job);

/// VIR_DOMAIN_… and its reason. `incoming`: it is the destination of a migration.
[[nodiscard]] RunState run_state_of(int state, int reason, bool incoming);
/// The same in words: "paused (migration)".
[[nodiscard]] std::string state_name(int state, int reason);

}  // namespace godwit::libvirt
