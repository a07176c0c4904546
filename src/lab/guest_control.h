#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "godwit/base/error.h"
#include "godwit/base/units.h"

namespace godwit::lab {

/// Where a guest listens for what it is to do (guest/README.md, "Control").
inline constexpr int kGuestControlPort = 7070;

struct GuestControl {
  std::string address;  ///< IPv4
  int port = kGuestControlPort;
  std::optional<std::string> netns;  ///< from which it is reached
};

/// Tells the guest to load something else, and returns once it does. kBadInput when it refuses,
/// kPeerGone when it can't be reached or hangs up, kProtocol when it answers something else,
/// kTimeout, kInterrupted.
Result<void> tell_load(const GuestControl& guest, const std::string& load, Seconds patience,
                       const std::stop_token& stop);

/// Tells the guest to switch itself off; returns once it has begun to. Errors as above.
Result<void> tell_power_off(const GuestControl& guest, Seconds patience,
                            const std::stop_token& stop);

}  // namespace godwit::lab
