// Which clusters are copied.

#include "godwit/disks/ranges.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace godwit::disks {
namespace {

constexpr std::int64_t kCluster = 64;

/// Of a disk whose size is no multiple of a cluster, any of its clusters.
rc::Gen<Clusters> any_of(std::int64_t size) {
  return rc::gen::map(
      rc::gen::container<std::vector<bool>>(
          static_cast<std::size_t>((size + kCluster - 1) / kCluster), rc::gen::arbitrary<bool>()),
      [size](const std::vector<bool>& in) {
        Clusters clusters(size, kCluster);
        for (std::size_t i = 0; i < in.size(); ++i) {
          if (in[i]) clusters.insert(static_cast<std::int64_t>(i));
        }
        return clusters;
      });
}

TEST(Ranges, TheLastClusterIsAsLongAsTheDiskAllows) {
  Clusters clusters(100, kCluster);
  EXPECT_EQ(clusters.count(), 2);
  clusters.insert(Range{70, 71});
  EXPECT_EQ(clusters.bytes(), Bytes(36));
  EXPECT_EQ(clusters.ranges(1000), (std::vector<Range>{{64, 100}}));
}

TEST(Ranges, AnEmptyDiskHasNone) {
  const Clusters none(0, kCluster);
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(choose_share(none, none, Ratio(1)), none);
}

RC_GTEST_PROP(Ranges, CoverExactlyTheClustersAndAreNoLongerThanAskedFor, ()) {
  const auto size = *rc::gen::inRange<std::int64_t>(0, 5000);
  const Clusters clusters = *any_of(size);
  const auto longest = *rc::gen::inRange<std::int64_t>(kCluster, 1000);
  Clusters covered(size, kCluster);
  std::int64_t length = 0;
  std::int64_t last = -1;
  for (const Range& range : clusters.ranges(longest)) {
    RC_ASSERT(range.begin > last);
    RC_ASSERT(range.length() > 0 && range.length() <= longest);
    covered.insert(range);
    length += range.length();
    last = range.begin;
  }
  RC_ASSERT(covered == clusters);
  RC_ASSERT(Bytes(length) == clusters.bytes());
}

RC_GTEST_PROP(ChooseShare, IsOfWhatIsAllocatedToHalfAClusterAndTheColdestFirst, ()) {
  const auto size = *rc::gen::inRange<std::int64_t>(0, 5000);
  const Clusters allocated = *any_of(size);
  const Clusters hot = *any_of(size);
  const Ratio share(*rc::gen::inRange(0, 101) / 100.0);
  const Clusters chosen = choose_share(allocated, hot, share);
  RC_ASSERT(chosen.without(allocated).empty());
  const double wanted = share.value() * static_cast<double>(allocated.bytes().count());
  const auto got = static_cast<double>(chosen.bytes().count());
  RC_ASSERT(got <= wanted + kCluster / 2.0);
  RC_ASSERT(got >= wanted - kCluster / 2.0);
  const bool any_hot = !chosen.intersected(hot).empty();
  if (any_hot) RC_ASSERT(allocated.without(hot).without(chosen).empty());
  if (share.value() == 1) RC_ASSERT(chosen == allocated);
}

RC_GTEST_PROP(TakeFirst, FitsAndLeavesNothingOutThatWouldHaveFitBefore, ()) {
  const auto size = *rc::gen::inRange<std::int64_t>(0, 5000);
  const Clusters clusters = *any_of(size);
  const Bytes most(*rc::gen::inRange<std::int64_t>(0, 6000));
  const Clusters taken = take_first(clusters, most);
  RC_ASSERT(taken.bytes() <= most);
  RC_ASSERT(taken.without(clusters).empty());
  const auto left = clusters.without(taken).ranges(kCluster);
  const bool next_fits = !left.empty() && taken.bytes() + Bytes(left.front().length()) <= most;
  RC_ASSERT(!next_fits);
}

}  // namespace
}  // namespace godwit::disks
