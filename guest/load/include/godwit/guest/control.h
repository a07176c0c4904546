// The lines by which a guest is told what to do while it runs.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "godwit/guest/load_plan.h"

namespace godwit::guest {

// The longest line that is read: a plan of kMostLoads loads with every key they take fits.
inline constexpr std::size_t kMostControlBytes = 4096;

struct ControlCommand {
  enum class Kind { kNone, kStatus, kLoad, kPowerOff, kBad };
  Kind kind = Kind::kNone;
  LoadPlan plan{};      // of kLoad
  std::string error{};  // of kBad, one line of printable text
};

// One line, without its end. Whoever is connected may send anything: only a line of printable ASCII
// is looked at, and nothing else is repeated in an answer.
[[nodiscard]] ControlCommand parse_control_line(std::string_view line);

// Takes the first line out of `bytes`: kNone while there is no whole one. A line that is too long
// is kBad at once, and what follows up to its end is dropped.
class ControlReader {
 public:
  [[nodiscard]] ControlCommand next(std::string& bytes);

 private:
  bool skipping_ = false;
};

}  // namespace godwit::guest
