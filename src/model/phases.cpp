#include "godwit/model/phases.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include "godwit/base/statistics.h"
#include "godwit/forecast/hidden_states.h"
#include "trace_curve.h"

namespace godwit::model {
namespace {

/// The state of each slot.
using Path = std::vector<std::size_t>;

/// A guest of which hashes see less than this share of what a rehearsal sees keeps its phases
/// hidden: what the trace shows is its background.
constexpr double kLeastSeen = 0.2;
/// A trace shorter than this shows no habit.
constexpr int kFewestSlots = 16;
/// As far as slots are joined: where few pages change, more of them are in each, and phases that
/// last show as well; those that last less than two of these (a quarter of a second) don't.
constexpr Seconds kLongestSlot{0.13};
/// Taken for the spread of dwells that were seen too seldom, and bounds of what is believed of the
/// others: the slots are coarse, and a spread far beyond 1 is another state.
constexpr double kUsualSpread = 0.3;
constexpr double kLeastSpread = 0.05;
constexpr double kMostSpread = 1.5;
constexpr int kFewestDwells = 3;
/// Of spreads: stays that differ less are alike.
constexpr double kRegular = 0.5;

/// An age is right when what was written since is, to this share; and it mostly is after five
/// tries.
constexpr double kCloseEnough = 1e-3;
constexpr int kMostTries = 12;

double pages_in(const WriteTrace& trace) {
  return trace.pages.as_double();
}

/// Pages that changed in each slot, made comparable: x of n as 2 sqrt(n) asin(sqrt(x / n)), whose
/// deviation is about 1 whatever the share (Anscombe 1948, with his 3/8).
std::vector<double> evened(const WriteTrace& trace) {
  const double n = pages_in(trace);
  std::vector<double> counts(static_cast<std::size_t>(trace.slots));
  for (const std::vector<bool>& page : trace.changed) {
    for (std::size_t slot = 0; slot < counts.size(); ++slot) counts[slot] += page[slot] ? 1 : 0;
  }
  for (double& x : counts) x = 2 * std::sqrt(n) * std::asin(std::sqrt((x + 0.375) / (n + 0.75)));
  return counts;
}

/// Of a state; without those at its borders, in which two states share, where others are left.
Slots slots_of(const Path& path, std::size_t state) {
  Slots all;
  Slots inner;
  for (std::size_t t = 0; t < path.size(); ++t) {
    if (path[t] != state) continue;
    all.push_back(t);
    const bool first = t > 0 && path[t - 1] != state;
    const bool last = t + 1 < path.size() && path[t + 1] != state;
    if (!first && !last) inner.push_back(t);
  }
  constexpr std::size_t kEnough = 2;
  return inner.size() >= kEnough ? inner : all;
}

/// Whether each page that changed did so in one of these slots.
std::vector<bool> set_of(const WriteTrace& trace, const Slots& slots) {
  std::vector<bool> set;
  for (const std::vector<bool>& page : trace.changed) {
    set.push_back(std::any_of(slots.begin(), slots.end(), [&](std::size_t t) { return page[t]; }));
  }
  return set;
}

/// Bytes that a page of the trace stands for: what curves of more pages, or sources that see more,
/// say was written within a window, of what changed in the trace in such a window. Nothing where
/// the trace does not see the guest's writing.
std::optional<double> scale_of(const GuestProfile& profile, const WriteTrace& trace) {
  const Slots all = all_slots(trace);
  const auto by = [&](const std::vector<DirtyPoint>& curve) -> std::optional<double> {
    for (auto point = curve.rbegin(); point != curve.rend(); ++point) {
      const auto length = static_cast<std::size_t>(std::lround(point->window / trace.slot));
      if (length < 1 || length > all.size()) continue;
      const double pages = changed_within(trace, all, length);
      if (pages > 0) return point->unique.as_double() / pages;
      return std::nullopt;
    }
    return std::nullopt;
  };
  const auto main = by(profile.dirty_curve);
  if (profile.source == DirtySource::kContentHash) return main;
  for (const SourcedCurve& other : profile.other_curves) {
    if (other.source != DirtySource::kContentHash) continue;
    const auto hashed = by(other.points);
    if (!hashed || !main || *hashed < kLeastSeen * *main) return std::nullopt;
    // A rehearsal may have met a quiet phase; hashes see what they see.
    return std::max(*hashed, *main);
  }
  return main;
}

struct Dwells {
  double mean = 0;
  double spread = kUsualSpread;
  int ends = 0;
  ByState next{};
};

/// How long a state lasts: as long as the stays that were seen whole, or as the longest that was
/// not, if that is more. Where those differ much, all of its time for each time that it ended: long
/// stays are then those that are seldom seen whole.
Dwells dwells_of(const Path& path, std::size_t state, double slot) {
  Dwells dwells;
  std::vector<double> whole;
  double all = 0;
  double longest = 0;
  for (std::size_t from = 0; from < path.size();) {
    std::size_t to = from;
    while (to < path.size() && path[to] == path[from]) ++to;
    const double length = static_cast<double>(to - from) * slot;
    const bool ends = to < path.size();
    if (path[from] == state) {
      all += length;
      if (ends) {
        ++dwells.ends;
        ++dwells.next[path[to]];
      }
      if (from > 0 && ends) {
        whole.push_back(length);
      } else {
        longest = std::max(longest, length);
      }
    }
    from = to;
  }
  const Moments moments = moments_of(whole);
  dwells.mean = std::max(moments.mean, longest);
  if (static_cast<int>(whole.size()) < kFewestDwells) return dwells;
  // Each end falls anywhere within a slot: that much is the slots', not the guest's.
  const double variance = std::max(0.0, std::pow(moments.deviation, 2) - slot * slot / 6);
  dwells.spread = std::clamp(std::sqrt(variance) / moments.mean, kLeastSpread, kMostSpread);
  const bool regular = dwells.spread < kRegular;
  dwells.mean = regular ? moments.mean : all / std::max(dwells.ends, 1);
  return dwells;
}

/// The states of a trace's slots.
struct Reading {
  WriteTrace trace;
  Path path;
  std::size_t states = 1;
  double reason = 0;  ///< to take them for more than one: by how much BIC is less
};

/// As many states as the trace gives reason for, but none that lasts hardly longer than a slot:
/// those are the slots in which one state gives way to another.
Reading read(WriteTrace trace) {
  constexpr double kLeastSlots = 2;
  const std::vector<double> samples = evened(trace);
  forecast::HiddenStates found = forecast::find_states(samples, kMostStates, 1);
  const auto too_short = [&found] {
    for (std::size_t k = 0; k < found.means.size(); ++k) {
      if (dwells_of(found.path, k, 1).mean < kLeastSlots) return true;
    }
    return false;
  };
  while (found.means.size() > 1 && too_short()) {
    found = forecast::fit_states(samples, found.means.size() - 1, 1);
  }
  const std::size_t states = found.means.size();
  const double reason = states > 1 ? forecast::fit_states(samples, 1, 1).bic - found.bic : 0;
  return {std::move(trace), std::move(found.path), states, reason};
}

/// Pairs of slots as one each.
WriteTrace with_slots_joined(const WriteTrace& fine) {
  WriteTrace trace{fine.slot * 2.0, fine.slots / 2, fine.pages, {}};
  for (const std::vector<bool>& page : fine.changed) {
    std::vector<bool> slots;
    for (std::size_t t = 0; t + 1 < page.size(); t += 2) slots.push_back(page[t] || page[t + 1]);
    trace.changed.push_back(std::move(slots));
  }
  return trace;
}

/// With slots as long as show its states best.
Reading best_reading(const WriteTrace& fine) {
  Reading best = read(fine);
  for (WriteTrace trace = with_slots_joined(fine);
       trace.slot <= kLongestSlot && trace.slots >= kFewestSlots;
       trace = with_slots_joined(trace)) {
    Reading next = read(trace);
    if (next.reason > best.reason) best = std::move(next);
  }
  return best;
}

/// A state that was never seen to end may be followed by any other.
ByState as_shares(ByState counts, std::size_t state, std::size_t states) {
  const double sum = std::accumulate(counts.begin(), counts.end(), 0.0);
  for (std::size_t k = 0; k < states; ++k) {
    const double any = k == state ? 0 : 1 / static_cast<double>(states - 1);
    counts[k] = sum > 0 ? counts[k] / sum : any;
  }
  return counts;
}

}  // namespace

Result<std::optional<Phases>> Phases::from_profile(const GuestProfile& profile) {
  const auto none = std::optional<Phases>();
  if (!profile.write_trace || profile.write_trace->slots < kFewestSlots) return none;
  if (profile.write_trace->changed.empty()) return none;
  const Reading reading = best_reading(*profile.write_trace);
  const WriteTrace& trace = reading.trace;
  const Path& path = reading.path;
  const std::size_t n = reading.states;
  const std::optional<double> scale = scale_of(profile, trace);
  if (n < 2 || !scale) return none;
  std::vector<std::vector<bool>> sets;
  for (std::size_t k = 0; k < n; ++k) sets.push_back(set_of(trace, slots_of(path, k)));
  std::vector<State> states;
  for (std::size_t k = 0; k < n; ++k) {
    const Slots slots = slots_of(path, k);
    GODWIT_TRY(DirtyCurve curve,
               DirtyCurve::from_points(curve_of(trace, slots, slots.size(), *scale, profile.ram),
                                       profile.ram));
    State state{.curve = std::move(curve)};
    const auto count = static_cast<double>(std::count(sets[k].begin(), sets[k].end(), true));
    state.set = count * *scale;
    state.share = static_cast<double>(std::count(path.begin(), path.end(), k)) /
                  static_cast<double>(trace.slots);
    const Dwells dwells = dwells_of(path, k, trace.slot.count());
    state.dwell = dwells.mean;
    state.dwell_spread = dwells.spread;
    state.dwells = dwells.ends;
    state.next = as_shares(dwells.next, k, n);
    for (std::size_t j = 0; j < n; ++j) {
      double both = 0;
      for (std::size_t i = 0; i < sets[k].size(); ++i) both += sets[k][i] && sets[j][i] ? 1 : 0;
      state.common[j] = count > 0 ? both / count : 0;
    }
    states.push_back(std::move(state));
  }
  return std::optional(Phases(std::move(states), profile.ram.as_double()));
}

// --- a life ---

Life::Life(const Phases& phases, double z, std::uint64_t seed)
    : phases_(&phases), rng_(seed), order_(phases.states().size()) {
  const std::vector<Phases::State>& states = phases.states();
  double cycle = 0;
  for (std::size_t k = 0; k < states.size(); ++k) {
    growths_.push_back(states[k].curve.at(z));
    // A mean of so many stays is known so well; in another life it is another.
    const double error = states[k].dwell_spread / std::sqrt(states[k].dwells + 1.0);
    dwells_[k] = states[k].dwell * std::exp(error * rng_.normal());
    cycle += dwells_[k];
  }
  std::iota(order_.begin(), order_.end(), 0U);
  std::sort(order_.begin(), order_.end(),
            [&states](std::size_t a, std::size_t b) { return states[a].set > states[b].set; });
  // It began long enough ago, at no particular moment, for second 0 to be any.
  constexpr double kCyclesBefore = 2;
  end_ = -cycle * (kCyclesBefore + rng_.uniform());
  double place = rng_.uniform();
  std::size_t state = 0;
  while (state + 1 < states.size() && place >= states[state].share) place -= states[state++].share;
  stays_.push_back({end_, state, {}});
  end_ += dwell_of(state) * rng_.uniform();
}

/// Log-normal, with the state's mean and spread.
double Life::dwell_of(std::size_t state) {
  const double variance = std::log1p(std::pow(phases_->states()[state].dwell_spread, 2));
  return dwells_[state] * std::exp(std::sqrt(variance) * rng_.normal() - variance / 2);
}

std::size_t Life::after(std::size_t state) {
  double place = rng_.uniform();
  std::size_t last = state;
  for (std::size_t k = 0; k < phases_->states().size(); ++k) {
    const double share = phases_->states()[state].next[k];
    if (share <= 0) continue;
    last = k;
    if (place < share) break;
    place -= share;
  }
  return last;
}

void Life::live_until(double seconds) {
  while (end_ < seconds) {
    const Stay& last = stays_.back();
    Stay next{end_, after(last.state), last.before};
    next.before[last.state] += end_ - last.from;
    end_ += dwell_of(next.state);
    stays_.push_back(next);
  }
}

ByState Life::times_at(double seconds) {
  live_until(seconds);
  const auto later = std::upper_bound(stays_.begin(), stays_.end(), seconds,
                                      [](double at, const Stay& stay) { return at < stay.from; });
  if (later == stays_.begin()) return stays_.front().before;
  const Stay& stay = *(later - 1);
  ByState times = stay.before;
  times[stay.state] += seconds - stay.from;
  return times;
}

/// What a state writes is new but for what a state before it in order wrote of their common set.
double Life::written_in(const ByState& times) const {
  const std::vector<Phases::State>& states = phases_->states();
  double all = 0;
  for (std::size_t i = 0; i < order_.size(); ++i) {
    const std::size_t k = order_[i];
    if (times[k] <= 0 || states[k].set <= 0) continue;
    double fresh = growths_[k].bytes_at(times[k]);
    for (std::size_t j = 0; j < i; ++j) {
      const Phases::State& other = states[order_[j]];
      if (other.set <= 0) continue;
      const double known =
          std::min(1.0, growths_[order_[j]].bytes_at(times[order_[j]]) / other.set);
      fresh *= 1 - states[k].common[order_[j]] * known;
    }
    all += fresh;
  }
  return std::min(all, phases_->ram());
}

double Life::written_between(const ByState& before, const ByState& until) const {
  ByState times{};
  for (std::size_t k = 0; k < times.size(); ++k) times[k] = std::max(0.0, until[k] - before[k]);
  return written_in(times);
}

double Life::written(double from, double to) {
  const ByState before = times_at(from);
  return written_between(before, times_at(to));
}

/// By false position, as it was improved by Dowell and Jarratt (1971, "Illinois"): what was written
/// never falls with age.
double Life::age(double at, double bytes) {
  if (bytes <= 0) return 0;
  const ByState now = times_at(at);
  const auto missing = [&](double age) { return bytes - written_between(times_at(at - age), now); };
  const double oldest = at - stays_.front().from;
  double high = std::min(1.0, oldest);
  double above = missing(high);
  double low = 0;
  double below = bytes;
  while (above > 0 && high < oldest) {
    low = high;
    below = above;
    high = std::min(2 * high, oldest);
    above = missing(high);
  }
  const double close = bytes * kCloseEnough;
  for (int i = 0; i < kMostTries && above < 0; ++i) {
    const double middle = low + (high - low) * below / (below - above);
    const double rest = missing(middle);
    if (std::abs(rest) < close) return middle;
    if (rest > 0) {
      low = middle;
      below = rest;
      above /= 2;
    } else {
      high = middle;
      above = rest;
      below /= 2;
    }
  }
  return high;
}

}  // namespace godwit::model
