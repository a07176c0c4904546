#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/rng.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/model/dirty_curve.h"

/// A guest that writes in phases: it is in one of a few states at a time, each of which dirties
/// memory in its own way (a Markov-modulated process: Ramanathan et al., section 7, and, with
/// states that last as long as they were seen to, a semi-Markov one: Cinlar 1975, chapter 10).
///
/// Seconds and bytes as doubles.

namespace godwit::model {

inline constexpr std::size_t kMostStates = 3;
/// Seconds, or anything else, by state.
using ByState = std::array<double, kMostStates>;

/// What a profile's trace shows of a guest's phases.
class Phases {
 public:
  struct State {
    DirtyCurve curve;         ///< what it writes within so much time of its own
    double set = 0;           ///< bytes that it was seen to write at all
    double share = 0;         ///< of all time
    double dwell = 0;         ///< seconds that it lasts, in the mean
    double dwell_spread = 0;  ///< their deviation, of that
    int dwells = 0;           ///< how often it was seen to end
    ByState next{};           ///< how likely each other state follows
    ByState common{};         ///< share of its set that each other state writes, too
  };

  /// As many states as the trace gives reason for (forecast::find_states), at most kMostStates;
  /// nothing where one explains it, where nobody watched, and where content hashes see so little of
  /// what the guest writes, by a source that sees more, that its phases can't be told. The curves
  /// are scaled to the profile's own, which many more pages were looked at for. kBadInput: as
  /// DirtyCurve::from_profile.
  static Result<std::optional<Phases>> from_profile(const GuestProfile& profile);

  [[nodiscard]] const std::vector<State>& states() const { return states_; }
  [[nodiscard]] double ram() const { return ram_; }

 private:
  Phases(std::vector<State> states, double ram) : states_(std::move(states)), ram_(ram) {}

  std::vector<State> states_;
  double ram_;
};

/// One life of such a guest. Second 0 is any moment of it: the states before were drawn, too. Made
/// as far as it is asked for. Not thread-safe.
class Life {
 public:
  /// `z`: the curves' standard normal quantile (DirtyCurve::at). The same seed, the same life.
  Life(const Phases& phases, double z, std::uint64_t seed);

  /// Memory in unique pages that is written from then to then. What two states write is taken for
  /// independent within the set that they have in common.
  [[nodiscard]] double written(double from, double to);
  /// How long before `at` one must begin for `bytes` to have been written by then; as far back as
  /// this life is known where it never were so many.
  [[nodiscard]] double age(double at, double bytes);

 private:
  struct Stay {
    double from = 0;
    std::size_t state = 0;
    ByState before{};  ///< seconds in each state until then
  };
  void live_until(double seconds);
  [[nodiscard]] double dwell_of(std::size_t state);
  [[nodiscard]] std::size_t after(std::size_t state);
  [[nodiscard]] ByState times_at(double seconds);
  [[nodiscard]] double written_in(const ByState& times) const;
  [[nodiscard]] double written_between(const ByState& before, const ByState& until) const;

  const Phases* phases_;
  Rng rng_;
  std::vector<Growth> growths_;
  std::vector<std::size_t> order_;  ///< states by what they write, most first
  ByState dwells_{};                ///< mean, as it is in this life
  std::vector<Stay> stays_;
  double end_ = 0;  ///< of the last of them
};

}  // namespace godwit::model
