#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/link.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/outcome.h"

namespace godwit::bench {

/// Control laws side by side on guests that only exist in the twin: each law drives the same
/// migrations of the same guests over the same links to the same intents.
struct SteeredGuest {
  std::string name;
  GuestProfile profile;
};
struct SteeredIntent {
  std::string name;
  Intent intent;
};
struct SteerSuite {
  std::vector<std::string> laws;
  std::vector<SteeredGuest> guests;
  std::vector<Link> links;
  std::vector<SteeredIntent> intents;
  int repeats = 1;         ///< each with other chances, the same for every law
  std::uint64_t seed = 1;  ///< of the chances
};
/// Twelve guests from idle to hopeless, three links, four intents, every law.
[[nodiscard]] SteerSuite steer_suite();

/// One migration.
struct SteeredRun {
  std::string law;
  std::string guest;
  double link_bytes_per_s = 0;
  std::string intent;
  int repeat = 0;
  MigrationOutcome outcome;
  bool kept = false;  ///< the intent: completed in time, with no more downtime than was allowed
};

/// `on_done` is told the share that is done. Runs thousands of migrations a second; stops early on
/// an error, which says what is wrong with the suite.
Result<std::vector<SteeredRun>> run_steer_suite(const SteerSuite& suite,
                                                const std::function<void(double)>& on_done = {});

/// What became of a law's migrations.
struct LawSummary {
  std::string law;
  int runs = 0;
  int kept = 0;
  int could = 0;       ///< cells whose intent any law kept, this one's included
  int endless = 0;     ///< ended by the time limit, or later
  double total_s = 0;  ///< means over the migrations that completed
  double downtime_ms = 0;
  double bytes = 0;
  /// Geometric mean of total time over that of auto-converge, where both completed; 0: none.
  double against_auto_converge = 0;
};
[[nodiscard]] std::vector<LawSummary> summed_up(const std::vector<SteeredRun>& runs);

}  // namespace godwit::bench
