#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/bench/law_comparison.h"
#include "godwit/bench/trial.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/link.h"
#include "godwit/domain/migration_plan.h"

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

/// `on_done` is told the share that is done. Runs thousands of migrations a second; stops early on
/// an error, which says what is wrong with the suite.
Result<std::vector<SteeredRun>> run_steer_suite(const SteerSuite& suite,
                                                const std::function<void(double)>& on_done = {});

/// The same migrations as were made for real, with the profile that each had, in the twin. Those
/// without a profile are left out.
Result<std::vector<SteeredRun>> in_the_twin(std::span<const Trial> trials);

}  // namespace godwit::bench
