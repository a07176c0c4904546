#include "godwit/model/phases.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "bursts.h"
#include "godwit/base/rng.h"
#include "godwit/base/statistics.h"
#include "godwit/twin/predictor.h"

namespace godwit::twin {
namespace {

using model::Life;
using model::Phases;

/// Are the phases found those of this guest?
bool are_found(const Bursts& guest, std::uint64_t seed, const Watching& watching) {
  const auto phases = phases_of(profile_of(guest, 16, seed, watching));
  if (!phases || phases->states().size() != 2) return false;
  const Phases::State& quiet = phases->states().front();
  const Phases::State& busy = phases->states().back();
  const double second = guest.set_pages * -std::expm1(-guest.rate / guest.set_pages) * kPage;
  return std::abs(quiet.dwell - guest.off) < 0.25 * guest.off &&
         std::abs(busy.dwell - guest.on) < 0.25 * guest.on &&
         quiet.curve.likely().bytes_at(1) < 0.02 * guest.set_pages * kPage &&
         std::abs(busy.curve.likely().bytes_at(1) - second) < 0.2 * second;
}

/// Share of guests, with phases from `least` seconds to 2.5 times that, whose phases are found. A
/// burst writes as much however long it lasts.
double share_found(double least, const Watching& watching) {
  constexpr int kTries = 200;
  Rng rng(1);
  int found = 0;
  for (std::uint64_t seed = 1; seed <= kTries; ++seed) {
    Bursts guest;
    guest.on = least * static_cast<double>(8 + rng.below(12)) / 8;
    guest.off = least * static_cast<double>(8 + rng.below(12)) / 8;
    guest.set_pages = static_cast<double>(2'000 + rng.below(8'000));
    guest.rate /= least;
    if (are_found(guest, seed, watching)) ++found;
  }
  return static_cast<double>(found) / kTries;
}

TEST(Phases, AreThoseOfTheGuest) {
  EXPECT_GE(share_found(1, {}), 0.97);
  EXPECT_GE(share_found(1, kOnceWatched), 0.97);
}

TEST(Phases, OfTenthsOfASecondAreThoseOfTheGuest) {
  EXPECT_GE(share_found(0.2, {}), 0.75);
  EXPECT_GE(share_found(0.1, {}), 0.5);
  EXPECT_LE(share_found(0.1, kOnceWatched), 0.2) << "no need for the finer slots";
}

/// Whatever it writes: from a page a second of those that are watched to all of them in each slot.
RC_GTEST_PROP(Phases, OfASteadyGuestAreNone, (std::uint64_t seed)) {
  constexpr int kTries = 20;
  Rng rng(seed);
  Bursts steady;
  steady.off = 0;
  steady.set_pages = std::exp(std::lerp(std::log(200), std::log(kRamPages / 2), rng.uniform()));
  steady.rate = steady.set_pages * std::exp(std::lerp(std::log(0.1), std::log(30), rng.uniform()));
  int wrong = 0;
  for (int i = 0; i < kTries; ++i) {
    if (phases_of(profile_of(steady, 8, seed + static_cast<std::uint64_t>(i)))) ++wrong;
  }
  RC_ASSERT(wrong <= 2);
}

TEST(Phases, AreNotMadeUpWhereNobodyWatched) {
  GuestProfile profile = profile_of({}, 8, 1);
  profile.write_trace.reset();
  EXPECT_FALSE(phases_of(profile));
}

TEST(Phases, AreHiddenWhereStoresAreSilent) {
  GuestProfile profile = profile_of({}, 8, 1);
  profile.other_curves.push_back({DirtySource::kContentHash, "", profile.dirty_curve});
  profile.source = DirtySource::kRehearsal;
  EXPECT_TRUE(phases_of(profile)) << "the rehearsal saw the same";
  for (DirtyPoint& point : profile.other_curves[0].points) point.unique = point.low = Bytes(0);
  for (DirtyPoint& point : profile.dirty_curve) point.unique = point.high = 75_MiB;
  profile.write_trace->changed.resize(3);
  EXPECT_FALSE(phases_of(profile));
}

/// QEMU's passes over a bitmap of that guest, page by page, from a moment of its life on.
class PageByPage {
 public:
  PageByPage(const Bursts& guest, double begin, std::uint64_t seed)
      : guest_(guest), now_(begin), rng_(seed), dirty_(kRamPages), waiting_(kRamPages, true) {
    left_ = kRamPages / 2;  // the rest are zeros
    for (std::size_t i = 0; i < kRamPages; i += 2) waiting_[i] = false;
  }

  /// Seconds until what is left fits; nothing where it does not in so long. QEMU looks each
  /// `look_every`, or when all is sent.
  std::optional<double> run(double link, double limit, double most, double look_every) {
    const double begin = now_;
    const double fits = link * limit / kPage;
    double look = begin + look_every;
    while (now_ - begin < most) {
      const double step = 0.01;
      write(step);
      send(static_cast<std::int64_t>(link * step / kPage));
      if (left_ > 0 && now_ < look) continue;
      look = now_ + look_every;
      if (static_cast<double>(left_) >= fits) continue;
      sync();
      if (static_cast<double>(left_) < fits) {
        return now_ - begin + static_cast<double>(left_) * kPage / link;
      }
    }
    return std::nullopt;
  }

 private:
  void write(double step) {
    owed_ += guest_.rate * guest_.busy(now_, now_ + step);
    for (; owed_ >= 1; --owed_) {
      // The set's pages lie anywhere among those that hold data.
      const auto nth = rng_.below(static_cast<std::int64_t>(guest_.set_pages));
      dirty_[static_cast<std::size_t>(2 * nth + 1)] = true;
    }
    now_ += step;
  }
  void send(std::int64_t pages) {
    for (std::size_t looked = 0; pages > 0 && left_ > 0 && looked < kRamPages; ++looked) {
      cursor_ = (cursor_ + 1) % kRamPages;
      if (!waiting_[cursor_]) continue;
      waiting_[cursor_] = false;
      --left_;
      --pages;
    }
  }
  void sync() {
    for (std::size_t i = 0; i < kRamPages; ++i) {
      if (dirty_[i] && !waiting_[i]) ++left_;
      waiting_[i] = waiting_[i] || dirty_[i];
      dirty_[i] = false;
    }
  }

  Bursts guest_;
  double now_;
  Rng rng_;
  std::vector<bool> dirty_;
  std::vector<bool> waiting_;
  std::int64_t left_;
  std::size_t cursor_ = 0;
  double owed_ = 0;
};

/// Of migrations of this guest that begin at any moment, page by page: how long each that ended
/// took, ascending.
std::vector<double> times_taken(const Bursts& guest, double link, double most, int tries) {
  constexpr double kLookEvery = 0.1;
  Rng rng(5);
  std::vector<double> took;
  for (int i = 0; i < tries; ++i) {
    PageByPage migration(guest, guest.cycle() * rng.uniform(), static_cast<std::uint64_t>(i) + 1);
    const auto seconds = migration.run(link, 0.3, most, kLookEvery);
    if (seconds) took.push_back(*seconds);
  }
  std::sort(took.begin(), took.end());
  return took;
}

/// What the twin says of them.
TechniquePrediction told_by(const GuestProfile& profile, double link, double most) {
  Options options;
  options.draws = kManyDraws;
  options.max_time = Seconds(most);
  const auto predictor = Predictor::make(profile, Link{BytesPerSecond(link), {}}, options);
  EXPECT_TRUE(predictor) << predictor.error().message;
  const auto said = predictor->predict(*parse_technique("precopy"));
  EXPECT_TRUE(said && said->converges_probability);
  return *said;
}

void expect_agreement(const Bursts& guest, double link, double most) {
  constexpr int kTries = 100;
  const std::vector<double> took = times_taken(guest, link, most, kTries);
  const double share = static_cast<double>(took.size()) / kTries;
  const TechniquePrediction said = told_by(profile_of(guest, 16, 1), link, most);
  EXPECT_NEAR(said.converges_probability->value(), share, 0.15);
  if (took.empty() || !said.total_time) return;
  EXPECT_NEAR(said.total_time->p50.count(), sorted_quantile(took, 0.5),
              0.15 * sorted_quantile(took, 0.5));
  EXPECT_NEAR(said.total_time->p05.count(), sorted_quantile(took, 0.05),
              0.25 * sorted_quantile(took, 0.05));
}

TEST(PhasedTwin, AgreesWithManyMigrationsPageByPage) {
  expect_agreement({}, 10e6, 45);
}

TEST(PhasedTwin, AgreesWhereAPauseIsSeldomLongEnough) {
  Bursts guest;
  guest.on = 1;
  guest.off = 1;
  expect_agreement(guest, 10e6, 45);
}

/// How well it is told what comes of guests.
struct Told {
  double brier = 0;  ///< summed over guests
  int close = 0;     ///< of times that most migrations take: to a quarter

  void judge(const GuestProfile& profile, const std::vector<double>& took, int tries) {
    const TechniquePrediction said = told_by(profile, kLink, kMost);
    const double share = static_cast<double>(took.size()) / tries;
    brier += std::pow(said.converges_probability->value() - share, 2);
    if (share < 0.5 || !said.total_time) return;
    const double middle = sorted_quantile(took, 0.5);
    if (std::abs(said.total_time->p50.count() - middle) < 0.25 * middle) ++close;
  }

  static constexpr double kLink = 10e6;
  static constexpr double kMost = 20;
};

/// A working set of some times what fits the downtime limit: whether and when it ends hangs on
/// phases of 30 ms to 1.8 s.
TEST(PhasedTwin, TellsVerdictAndTimeOfPhasesOfAnyLength) {
  constexpr int kTries = 12;
  Told phased;
  Told steady;
  int guests = 0;
  int ending = 0;
  for (const double period : {0.1, 0.3, 0.6, 1.0, 2.0}) {
    for (const double duty : {0.3, 0.5, 0.7, 0.9}) {
      const Bursts guest{2'000, 12'000, period * duty, period * (1 - duty)};
      const auto took = times_taken(guest, Told::kLink, Told::kMost, kTries);
      ending += took.size() * 2 >= kTries ? 1 : 0;
      GuestProfile profile = profile_of(guest, 8, static_cast<std::uint64_t>(++guests));
      phased.judge(profile, took, kTries);
      profile.write_trace.reset();
      steady.judge(profile, took, kTries);
    }
  }
  EXPECT_LT(phased.brier / guests, 0.08);
  EXPECT_GT(steady.brier / guests, 0.12) << "no need to see the phases";
  EXPECT_GE(phased.close, 0.7 * ending);
  EXPECT_LT(steady.close, 0.5 * ending);
}

TEST(PhasedTwin, TellsWhatIsLikelyWithoutManyDraws) {
  const auto predictor = Predictor::make(profile_of({}, 16, 1), Link{BytesPerSecond(10e6), {}});
  const auto said = predictor->predict(*parse_technique("precopy"));
  ASSERT_TRUE(said && said->converges_probability);
}

TEST(PhasedTwin, AgreesWhereAllConverges) {
  Bursts guest;
  guest.set_pages = 1'000;
  expect_agreement(guest, 15e6, 45);
}

}  // namespace
}  // namespace godwit::twin
