// The readers of public sets, on tables as their authors write them. The sets as a whole are read
// by tests/public.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "godwit/dataset/dirty_rates.h"
#include "godwit/dataset/openstack_profiles.h"
#include "godwit/dataset/precopy_rounds.h"
#include "godwit/dataset/qmp_traces.h"

namespace godwit::dataset {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kRounds =
    "technique,workload,ram_mib,campaign,run,setup_ms,downtime_ms,total_ms,ram_total_bytes,"
    "transferred_bytes,normal_pages,zero_pages,dirty_sync_count,throughput_mbit_per_s,"
    "pages_sent_per_round\n";

TEST(PrecopyRounds, ARowIsAMigration) {
  const auto runs = read_precopy_rounds(
      std::string(kRounds) +
      "compress,memcached,1024,924f2eaade,1,3,610,6842,1091379200,673353691,7,11300,4,787.9,"
      "266450 18871 2901\n");
  ASSERT_TRUE(runs) << runs.error().message;
  ASSERT_EQ(runs->size(), 1u);
  const PrecopyRun& run = runs->front();
  EXPECT_EQ(run.technique, "compress");
  EXPECT_EQ(run.campaign, "924f2eaade");
  EXPECT_DOUBLE_EQ(run.total_time.count(), 6.842);
  EXPECT_EQ(run.zero_pages, PageCount(11300));
  EXPECT_THAT(run.rounds, ElementsAre(PageCount(266450), PageCount(18871), PageCount(2901)));
}

TEST(PrecopyRounds, AnotherTableOrARowWithoutRoundsIsRefused) {
  EXPECT_EQ(read_precopy_rounds("a,b\n1,2\n").error().code, ErrorCode::kCorrupt);
  const auto none =
      read_precopy_rounds(std::string(kRounds) + "vanilla,idle,1,c,1,3,6,68,1,1,7,1,4,7,\n");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("row 1: no rounds"));
}

TEST(DirtyRates, AreASeriesPerLoad) {
  const auto all = read_dirty_rates(
      "load,at_s,dirty_bytes_per_s\nsteady,0,5\nsteady,1.25,6\nsteady,2.5,7\nbursty,0,1\n"
      "bursty,1.25,9\n");
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ(all->front().load, "steady");
  EXPECT_EQ(all->front().period, Seconds(1.25));
  EXPECT_THAT(all->front().bytes_per_s, ElementsAre(5, 6, 7));
  EXPECT_THAT(all->back().bytes_per_s, ElementsAre(1, 9));
}

TEST(DirtyRates, UnequalIntervalsAreRefused) {
  const std::string head = "load,at_s,dirty_bytes_per_s\n";
  for (const char* rows :
       {"a,1,5\n", "a,0,5\na,1,5\na,3,5\n", "a,0,5\n", "a,0,5\na,0,5\n", "a,0,-5\na,1,5\n"}) {
    EXPECT_FALSE(read_dirty_rates(head + rows)) << rows;
  }
}

TEST(OpenstackProfiles, FeaturesAreAllButWhatCameOfIt) {
  const auto all = read_openstack_profiles(
      "vm___cpu,host___memory_free,total_s,lost_pings,downtime_ms\n0.5,1e9,26,3,110.5\n");
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_THAT(all->features, ElementsAre("vm___cpu", "host___memory_free"));
  ASSERT_EQ(all->runs.size(), 1u);
  EXPECT_THAT(all->runs[0].features, ElementsAre(0.5, 1e9));
  EXPECT_EQ(all->runs[0].total_time, Seconds(26));
  EXPECT_DOUBLE_EQ(all->runs[0].downtime.count(), 0.1105);
}

TEST(OpenstackProfiles, AFieldThatIsNoNumberIsRefused) {
  for (const char* row : {",26,3,110", "nan,26,3,110", "x,26,3,110", "1,0,3,110"}) {
    const auto all =
        read_openstack_profiles(std::string("vm,total_s,lost_pings,downtime_ms\n") + row + "\n");
    ASSERT_FALSE(all) << row;
    EXPECT_EQ(all.error().code, ErrorCode::kCorrupt);
  }
  EXPECT_FALSE(read_openstack_profiles("a,b\n1,2\n"));
}

constexpr std::string_view kTraces =
    "scenario,run,t_s,status,total_ms,downtime_ms,expected_downtime_ms,throttle_percent,"
    "ram_total_bytes,remaining_bytes,transferred_bytes,throughput_mbit_per_s,dirty_pages_per_s,"
    "dirty_sync_count,normal_pages,zero_pages,postcopy_requests\n";

TEST(QmpTraces, SamplesOfOneRunMakeATrace) {
  const auto traces = read_qmp_traces(
      std::string(kTraces) +
      "Auto,1,1.0,active,200,,300,,8607571968,8559022080,30868634,1082.0,0,1,7526,4327,0\n"
      "Auto,1,1.2,active,400,,300,20,8607571968,100,60868634,1082.0,50,2,7526,4327,0\n"
      "Auto,2,1.0,active,200,,300,,8607571968,8559022080,30868634,1082.0,0,1,7526,4327,0\n"
      "Auto,1,1.4,completed,500,13,,,8607571968,0,6112528086,1088,0,22,1486394,1326593,0\n"
      "Auto,1,9.0,completed,,,,,,,,,,,,,\n");
  ASSERT_TRUE(traces) << traces.error().message;
  ASSERT_EQ(traces->size(), 1u) << "the second one never ended";
  const Trace& trace = traces->front();
  EXPECT_DOUBLE_EQ(trace.total_time.count(), 0.5);
  ASSERT_EQ(trace.samples.size(), 2u);
  EXPECT_EQ(trace.samples[0].throttle, std::nullopt);
  EXPECT_DOUBLE_EQ(trace.samples[1].throttle->value(), 0.2);
  EXPECT_DOUBLE_EQ(trace.samples[1].throughput->value(), 1082e6 / 8);
  EXPECT_EQ(trace.samples[1].syncs, 2);
}

TEST(QmpTraces, TimeThatGoesBackIsRefused) {
  const auto traces = read_qmp_traces(std::string(kTraces) +
                                      "Auto,1,1.0,active,200,,300,,8,8,3,1082.0,0,1,7,4,0\n" +
                                      "Auto,1,1.0,active,100,,300,,8,8,3,1082.0,0,1,7,4,0\n");
  ASSERT_FALSE(traces);
  EXPECT_THAT(traces.error().message, HasSubstr("row 2: its time is before"));
}

}  // namespace
}  // namespace godwit::dataset
