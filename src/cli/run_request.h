#pragma once

#include <optional>

#include "godwit/engine/engine.h"
#include "godwit/terminal/context.h"

/// A request from its plan to what is printed of it: what `migrate` and `demo` share.

namespace godwit::cli {

/// What came of a request.
struct Attempt {
  Result<OutcomeRecord> done = OutcomeRecord{};
  bool vm_was_open = false;             ///< else there may be none
  std::optional<Prediction> predicted;  ///< also where nothing was run
  std::optional<engine::Rehearsed> rehearsed;
};

/// Plans and runs it, and says to a person what happens on the way. The pair is closed at the end.
[[nodiscard]] Attempt run_request(engine::Engine& engine, engine::OpenPair pair,
                                  const engine::Request& request, terminal::Context& context);

/// A link as JSON results tell of it: "link_bytes_per_s" and, where it is known, "round_trip_ms".
void put_link(const Link& link, Json& object);

/// Prints how it ended as the contract has it, with pictures where `plot`, and gives the exit
/// status: 0 when it completed.
int print_attempt(const Attempt& attempt, terminal::Context& context, bool plot = false);

}  // namespace godwit::cli
