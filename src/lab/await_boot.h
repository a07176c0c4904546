#pragma once

#include <stop_token>
#include <string>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/lab/lab.h"

namespace godwit::lab {

enum class BootedTo {
  kWork,     ///< its load is ready
  kWaiting,  ///< it has not been told yet what to do
};

/// Returns once the guest of `instance` is there. kPeerGone: it never will be; kBadInput: its load
/// is none; kTimeout; kInterrupted.
Result<void> await_boot(const std::string& guest, const Instance& instance, BootedTo booted_to,
                        Seconds patience, const std::stop_token& stop);

}  // namespace godwit::lab
