#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "godwit/domain/session.h"

namespace godwit::pair {

/// All that happened in one run up to now.
struct RunRecord {
  SessionView seen;
  GiveUp abort = GiveUp::kNone;
  std::string abort_reason;
  /// The destination was ordered not to run the guest by itself: it may have it, and stand still.
  bool told_to_wait = false;
  /// It was, and answered that it had not begun to: a cancel that comes too late can't make it run
  /// on both sides.
  bool destination_held = false;
  std::stop_token leave;  ///< somebody waits no longer
};

}  // namespace godwit::pair
