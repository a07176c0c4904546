// What a guest does as a whole: loads at once, and loads in turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/guest/load_spec.h"

namespace godwit::guest {

// Of all phases of all tracks together: each has a counter of its own in the report.
inline constexpr std::size_t kMostLoads = 16;

struct Phase {
  LoadSpec load;
  std::optional<std::int64_t> duration_ms{};  // empty: for ever
  friend bool operator==(const Phase&, const Phase&) = default;
};

// One load for ever, or several with their times, one after the other and round again.
struct Track {
  std::vector<Phase> phases;
  friend bool operator==(const Track&, const Track&) = default;
};

// Tracks run at once, each in its own thread.
struct LoadPlan {
  std::vector<Track> tracks;
  friend bool operator==(const LoadPlan&, const LoadPlan&) = default;
  [[nodiscard]] std::size_t loads() const;
};

// Exactly one of the two is filled.
struct ParsedPlan {
  std::optional<LoadPlan> plan;
  std::string error;
};

// plan = track *( "+" track ); track = load / load "@" TIME 1*( ";" load "@" TIME ).
// None of + ; @ can stand in a load, so there is one reading only.
[[nodiscard]] ParsedPlan parse_load_plan(std::string_view text);

// Parsing it gives the same plan.
[[nodiscard]] std::string format_load_plan(const LoadPlan& plan);

}  // namespace godwit::guest
