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
bool are_found(const Bursts& guest, std::uint64_t seed) {
  const auto phases = phases_of(profile_of(guest, 16, seed));
  if (!phases || phases->states().size() != 2) return false;
  const Phases::State& quiet = phases->states().front();
  const Phases::State& busy = phases->states().back();
  const double second = guest.set_pages * -std::expm1(-guest.rate / guest.set_pages) * kPage;
  return std::abs(quiet.dwell - guest.off) < 0.25 * guest.off &&
         std::abs(busy.dwell - guest.on) < 0.25 * guest.on &&
         quiet.curve.likely().bytes_at(1) < 0.02 * guest.set_pages * kPage &&
         std::abs(busy.curve.likely().bytes_at(1) - second) < 0.2 * second;
}

TEST(Phases, AreThoseOfTheGuest) {
  constexpr int kTries = 200;
  Rng rng(1);
  int found = 0;
  for (std::uint64_t seed = 1; seed <= kTries; ++seed) {
    Bursts guest;
    guest.on = static_cast<double>(8 + rng.below(12)) / 8;
    guest.off = static_cast<double>(8 + rng.below(12)) / 8;
    guest.set_pages = static_cast<double>(2'000 + rng.below(8'000));
    if (are_found(guest, seed)) ++found;
  }
  EXPECT_GE(found, kTries * 97 / 100);
}

RC_GTEST_PROP(Phases, OfAnyTraceCanBeLivedThrough, (std::uint64_t seed)) {
  GuestProfile profile = profile_of({}, 8, 1);
  Rng rng(seed);
  profile.write_trace->slots = static_cast<int>(1 + rng.below(60));
  profile.write_trace->changed.clear();
  for (std::int64_t page = rng.below(40); page > 0; --page) {
    std::vector<bool> slots;
    for (int slot = 0; slot < profile.write_trace->slots; ++slot) {
      slots.push_back(rng.below(3) == 0);
    }
    profile.write_trace->changed.push_back(std::move(slots));
  }
  const auto phases = phases_of(profile);
  if (!phases) return;
  Life life(*phases, 1, seed);
  RC_ASSERT(life.written(0, 30) >= 0);
  RC_ASSERT(life.written(0, 30) <= profile.ram.as_double());
  RC_ASSERT(life.age(30, 1e6) >= 0);
}

TEST(Phases, OfASteadyGuestAreNone) {
  Bursts steady;
  steady.off = 0;
  int wrong = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    steady.rate = 500 * static_cast<double>(seed % 10 + 1);
    if (phases_of(profile_of(steady, 8, seed))) ++wrong;
  }
  EXPECT_LE(wrong, 3);
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

  /// Seconds until what is left fits; nothing where it does not in so long.
  std::optional<double> run(double link, double limit, double most) {
    const double begin = now_;
    const double fits = link * limit / kPage;
    while (now_ - begin < most) {
      const double step = 0.01;
      write(step);
      send(static_cast<std::int64_t>(link * step / kPage));
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
    for (std::size_t looked = 0; pages > 0 && looked < kRamPages; ++looked) {
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

/// Of migrations of this guest that begin at any moment, page by page and as the twin says.
void expect_agreement(const Bursts& guest, double link, double most) {
  constexpr int kTries = 100;
  Rng rng(5);
  std::vector<double> took;
  for (int i = 0; i < kTries; ++i) {
    PageByPage migration(guest, guest.cycle() * rng.uniform(), static_cast<std::uint64_t>(i) + 1);
    const auto seconds = migration.run(link, 0.3, most);
    if (seconds) took.push_back(*seconds);
  }
  const double share = static_cast<double>(took.size()) / kTries;
  Options options;
  options.draws = kManyDraws;
  options.max_time = Seconds(most);
  const auto predictor =
      Predictor::make(profile_of(guest, 16, 1), Link{BytesPerSecond(link), {}}, options);
  ASSERT_TRUE(predictor) << predictor.error().message;
  const auto said = predictor->predict(*parse_technique("precopy"));
  ASSERT_TRUE(said) << said.error().message;
  ASSERT_TRUE(said->converges_probability);
  EXPECT_NEAR(said->converges_probability->value(), share, 0.15);
  if (took.empty() || !said->total_time) return;
  std::sort(took.begin(), took.end());
  EXPECT_NEAR(said->total_time->p50.count(), sorted_quantile(took, 0.5),
              0.15 * sorted_quantile(took, 0.5));
  EXPECT_NEAR(said->total_time->p05.count(), sorted_quantile(took, 0.05),
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
