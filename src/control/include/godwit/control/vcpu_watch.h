#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::control {

/// Watches a guest's vCPUs from outside, for a guest that nobody can look into. Returns why it is
/// plainly dead: for seconds, each vCPU is halted without interrupts, or stays at one place of the
/// kernel with interrupts off, as in an exception that its handler raises again. (A guest moved to
/// a CPU that lacks a feature of its own ends so: measured, QEMU 10.0, smap.) Nothing where it is
/// not, or where it can't be told; that is no proof of life.
using LookAtVcpus = std::function<Result<std::vector<VcpuLook>>()>;
std::optional<std::string> why_dead(Clock& clock, const LookAtVcpus& look);

}  // namespace godwit::control
