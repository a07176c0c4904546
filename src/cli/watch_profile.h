#pragma once

#include <functional>
#include <optional>
#include <string>

#include "godwit/domain/guest_profile.h"
#include "godwit/terminal/context.h"

namespace godwit::cli {

/// How often a VM is observed anew.
struct WatchOptions {
  Seconds every{};           ///< from the beginning of one observation to that of the next
  std::optional<int> times;  ///< absent: until stopped
  std::string file;          ///< each profile goes there, a line of JSON; may be empty
};

/// Observes with `observe` again and again and prints a line of each; ends as it should when
/// stopped. The exit status.
int watch_profile(const WatchOptions& options, terminal::Context& context,
                  const std::function<Result<GuestProfile>()>& observe);

}  // namespace godwit::cli
