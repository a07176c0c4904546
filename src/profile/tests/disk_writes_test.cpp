#include "disk_writes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "synthetic_guest.h"

namespace godwit::profile {
namespace {

/// What a mixture of Poisson processes shows, without chance.
double shown(const std::vector<ChunkClass>& classes, double seconds) {
  double all = 0;
  for (const ChunkClass& c : classes) all += c.chunks * -std::expm1(-c.writes_per_s * seconds);
  return all;
}

constexpr double kWindows[] = {0.125, 0.25, 0.5, 1, 2, 4, 8};

std::vector<ChunksWithin> seen_of(const std::vector<ChunkClass>& classes) {
  std::vector<ChunksWithin> seen;
  for (const double t : kWindows) seen.push_back({Seconds(t), shown(classes, t)});
  return seen;
}

double count(const std::vector<ChunkClass>& classes) {
  double all = 0;
  for (const ChunkClass& c : classes) all += c.chunks;
  return all;
}

TEST(ChunkClasses, OfADiskThatNobodyWritesAreNone) {
  EXPECT_TRUE(chunk_classes({}, 4096).empty());
  EXPECT_TRUE(chunk_classes(seen_of({}), 4096).empty());
}

TEST(ChunkClasses, TellHotChunksFromColdOnes) {
  const std::vector<ChunkClass> classes = chunk_classes(seen_of({{50, 8}, {400, 0.05}}), 4096);
  double hot = 0;
  for (const ChunkClass& c : classes) hot += c.writes_per_s > 0.6 ? c.chunks : 0;
  EXPECT_NEAR(hot, 50, 10);
  EXPECT_NEAR(count(classes), 450, 90);
}

RC_GTEST_PROP(ChunkClasses, ShowWhatWasSeen, ()) {
  std::vector<ChunkClass> truth;
  const int classes = *rc::gen::inRange(1, 5);
  for (int i = 0; i < classes; ++i) {
    truth.push_back({static_cast<double>(*rc::gen::inRange(1, 2000)),
                     std::exp2(*rc::gen::inRange(-60, 50) / 10.0)});
  }
  const std::vector<ChunkClass> found = chunk_classes(seen_of(truth), 1e6);
  for (const double t : kWindows) {
    RC_ASSERT(std::abs(shown(found, t) - shown(truth, t)) < 0.04 * shown(truth, 8) + 1);
  }
}

/// A log that grows: each chunk is written once, so how many there are can't be known.
TEST(ChunkClasses, OfAWriterThatNeverComesBackGoOnAsFarAsTheDiskReaches) {
  std::vector<ChunksWithin> seen;
  for (const double t : kWindows) seen.push_back({Seconds(t), 16 * t});
  const auto wide = chunk_classes(seen, 1e6);
  EXPECT_GT(shown(wide, 32), 2 * shown(wide, 8));
  const auto narrow = chunk_classes(seen, 200);
  EXPECT_LE(count(narrow), 200 + 1e-6);
  EXPECT_NEAR(shown(narrow, 8), 128, 13);
}

// --- looks ---

Disk disk(const std::string& device) {
  Disk one;
  one.device = device;
  one.writable = true;
  one.size = 64_MiB;
  one.allocated = 32_MiB;
  return one;
}

/// Writes ten chunks of "a" each second, and none of "b".
class FakeWatch final : public DiskWatch {
 public:
  explicit FakeWatch(Clock& clock) : clock_(clock), since_(clock.now()) {}
  Result<void> watch_writes(const std::vector<std::string>&) override { return {}; }
  Result<std::vector<WrittenSoFar>> written_so_far() override {
    if (++looks > fails_after) return fail(ErrorCode::kPeerGone, "gone");
    const auto chunks = static_cast<std::int64_t>(10 * (clock_.now() - since_).count());
    return std::vector<WrittenSoFar>{{"b", 64_KiB, Bytes(0)},
                                     {"a", 64_KiB, Bytes(chunks * (64 << 10))}};
  }
  Result<void> end_watching() override { return {}; }

  int looks = 0;
  int fails_after = 1000;

 private:
  Clock& clock_;
  TimePoint since_;
};

struct Watched {
  Watched() { options.disks = {{disk("a"), disk("b"), disk("c")}, &watch, clock.now()}; }
  GuestProfile observe() {
    Rng rng(1);
    return profile::observe(guest, clock, rng, options, {}, {}).value();
  }
  ManualClock clock;
  SyntheticGuest guest{clock, 4096};
  FakeWatch watch{clock};
  ObserveOptions options;
};

TEST(DisksOfAProfile, AreLookedAtOncePerWindow) {
  Watched w;
  const GuestProfile profile = w.observe();
  EXPECT_EQ(w.watch.looks, 7);
  ASSERT_EQ(profile.disks.size(), 3u);
  const DiskProfile& a = profile.disks[0];
  EXPECT_EQ(a.device, "a");
  EXPECT_EQ(a.size, 64_MiB);
  EXPECT_EQ(a.allocated, 32_MiB);
  ASSERT_TRUE(a.writes);
  EXPECT_EQ(a.writes->chunk, 64_KiB);
  EXPECT_NEAR(a.writes->observed.count(), 8, 1);
  EXPECT_NEAR(shown(a.writes->classes, 8), 80, 8);
  ASSERT_TRUE(profile.disks[1].writes);
  EXPECT_TRUE(profile.disks[1].writes->classes.empty()) << "seen, and nothing was written";
  EXPECT_FALSE(profile.disks[2].writes) << "the hypervisor did not tell of it";
}

TEST(DisksOfAProfile, ThatCannotBeWatchedHaveSizesOnly) {
  Watched w;
  w.watch.fails_after = 2;
  const GuestProfile profile = w.observe();
  EXPECT_EQ(w.watch.looks, 3) << "it is not asked again";
  ASSERT_EQ(profile.disks.size(), 3u);
  EXPECT_FALSE(profile.disks[0].writes);
  EXPECT_EQ(profile.disks[0].allocated, 32_MiB);
}

TEST(DisksOfAProfile, AreNoneWhereNobodyAskedForThem) {
  Watched w;
  w.options.disks = {};
  EXPECT_TRUE(w.observe().disks.empty());
  EXPECT_EQ(w.watch.looks, 0);
}

}  // namespace
}  // namespace godwit::profile
