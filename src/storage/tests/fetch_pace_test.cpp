// A job like QEMU's, on a line of some rate, whose speed is set by what is seen of it.

#include "fetch_pace.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>

namespace godwit::storage {
namespace {

constexpr double kChunk = 512 << 10;
constexpr double kSlice = 0.1;
/// Timers are late.
constexpr double kLate = 1e-4;

/// QEMU 10.0's limit on a job, as FetchPace describes it.
class RateLimit {
 public:
  double delay(double now, double bytes, double speed) {
    if (speed == 0) return 0;
    if (end_ < now) {
      begin_ = now;
      end_ = now + kSlice;
      passed_ = 0;
    }
    passed_ += bytes;
    const double quota = speed * kSlice;
    if (passed_ < quota) return 0;
    end_ = begin_ + passed_ / quota * kSlice;
    return end_ - now;
  }

 private:
  double begin_ = 0;
  double end_ = -1;
  double passed_ = 0;
};

struct Line {
  double rate = 0;       ///< bytes/s
  double per_chunk = 0;  ///< seconds: round trips, and the destination's disk
};

/// One disk that is fetched; chunks are all data or all hole.
struct Fetch {
  std::vector<bool> chunks;  ///< holds data
  BytesPerSecond most;
  Line line;

  [[nodiscard]] std::vector<AbsentRange> absent() const {
    std::vector<AbsentRange> ranges;
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      const auto at = [](std::size_t n) { return Bytes(static_cast<std::int64_t>(n) << 19); };
      ranges.push_back({at(i), at(i + 1), chunks[i]});
    }
    return ranges;
  }
  [[nodiscard]] double take(bool data) const {
    return line.per_chunk + (data ? kChunk / line.rate : 0);
  }
  /// Each chunk at the pace that is allowed, or the line's where that is less.
  [[nodiscard]] double ideal() const {
    double all = 0;
    for (const bool data : chunks)
      all += data ? std::max(take(true), kChunk / most.value()) : take(false);
    return all;
  }
  [[nodiscard]] double data() const {
    return kChunk * static_cast<double>(std::count(chunks.begin(), chunks.end(), true));
  }

  /// The time that it takes, looked at five times a second.
  [[nodiscard]] double run() const {
    FetchPace pace(absent());
    RateLimit limit;
    double now = 0;
    double next_look = 0;
    double speed = most.value();
    std::size_t done = 0;
    const auto let_pass = [&](double time) {
      for (const double until = now + time; next_look <= until; next_look += 0.2) {
        const Bytes position(static_cast<std::int64_t>(done) << 19);
        if (pace.look(TimePoint{} + Seconds(next_look), position, most)) {
          speed = pace.speed() ? pace.speed()->value() : 0;
        }
      }
      now += time;
    };
    for (; done < chunks.size(); ++done) {
      while (const double delay = limit.delay(now, 0, speed))
        let_pass(std::max(delay, 0.0) + kLate);
      let_pass(take(chunks[done]));
      (void)limit.delay(now, kChunk, speed);
    }
    return now;
  }
};

std::vector<bool> alternating(std::size_t data, std::size_t holes, int times) {
  std::vector<bool> chunks;
  for (int i = 0; i < times; ++i) {
    chunks.insert(chunks.end(), data, true);
    chunks.insert(chunks.end(), holes, false);
  }
  return chunks;
}

/// 256 MiB over Zhang's WAN. At the line's own speed each chunk would take its share twice.
TEST(FetchPace, WhereTheLineIsNoFasterTheJobGetsAllOfIt) {
  const Fetch fetch{alternating(512, 0, 1), 5_MB_per_s, {5e6, 0.015}};
  EXPECT_NEAR(fetch.ideal(), 61.4, 0.1);
  EXPECT_NEAR(fetch.run(), fetch.ideal(), 3);
}

TEST(FetchPace, OnAFasterLineItKeepsToItsLimit) {
  const Fetch fetch{alternating(512, 0, 1), 5_MB_per_s, {100e6, 0.001}};
  EXPECT_NEAR(fetch.ideal(), 53.7, 0.1);
  EXPECT_NEAR(fetch.run(), fetch.ideal(), 3);
}

TEST(FetchPace, HolesCostOnlyWhatTheyTake) {
  const Fetch fetch{alternating(64, 64, 8), 5_MB_per_s, {100e6, 0.002}};
  EXPECT_NEAR(fetch.run(), fetch.ideal(), 0.15 * fetch.ideal());
}

TEST(FetchPace, ALineThatStandsStillTeachesNothing) {
  FetchPace pace({{Bytes(), 100_MB, true}});
  const TimePoint begin{};
  EXPECT_TRUE(pace.look(begin, Bytes(), 5_MB_per_s));
  EXPECT_FALSE(pace.look(begin + Seconds(0.5), Bytes(), 5_MB_per_s)) << "too soon";
  EXPECT_TRUE(pace.look(begin + Seconds(60), Bytes(), 5_MB_per_s)) << "a second's worth is owed";
  EXPECT_EQ(pace.speed(), 10_MB_per_s);
}

TEST(FetchPace, AJobThatBeginsAnewIsToldItsSpeed) {
  FetchPace pace({{Bytes(), 100_MB, true}});
  EXPECT_TRUE(pace.look(TimePoint{}, 50_MB, 5_MB_per_s));
  EXPECT_TRUE(pace.look(TimePoint{} + Seconds(0.1), 1_MB, 5_MB_per_s));
}

TEST(FetchPace, WithoutDataAheadThereIsNothingToPace) {
  FetchPace pace({{Bytes(), 1_MB, true}, {1_MB, 100_MB, false}});
  EXPECT_TRUE(pace.look(TimePoint{}, 1_MB, 5_MB_per_s));
  EXPECT_EQ(pace.speed(), std::nullopt);
}

/// Whatever the line and the disk: about what can be had, and no more than is allowed, but for the
/// second in which a hole has ended.
RC_GTEST_PROP(FetchPace, TakesWhatItMayAndNoMore, (std::uint8_t line, std::uint8_t most)) {
  Fetch fetch;
  fetch.most = BytesPerSecond(1e6 * (1 + most % 50));
  fetch.line = {fetch.most.value() * (0.5 + line % 16), 0.001 * (line / 16)};
  const auto runs = *rc::gen::inRange(1, 20);
  bool data = true;
  for (int i = 0; i < runs; ++i, data = !data) {
    const auto length = *rc::gen::inRange<std::size_t>(1, 200);
    fetch.chunks.insert(fetch.chunks.end(), length, data);
  }
  const double took = fetch.run();
  RC_ASSERT(fetch.data() < 1.15 * fetch.most.value() * (took + 2) + fetch.line.rate);
  RC_ASSERT(took < 1.15 * fetch.ideal() + 5);
}

}  // namespace
}  // namespace godwit::storage
