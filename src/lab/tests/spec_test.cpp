#include "godwit/lab/spec.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

#include "network.h"
#include "paths.h"

namespace godwit::lab {
namespace {

TEST(Names, TakeLettersDigitsAndUnderscore) {
  for (const char* name : {"a", "lab", "web_1", "abcdefghijklmnop"}) {
    EXPECT_TRUE(validate_name("guest", name)) << name;
  }
  for (const char* name : {"", "1a", "_a", "A", "a-b", "a/b", "../x", "a b", "abcdefghijklmnopq"}) {
    auto bad = validate_name("guest", name);
    ASSERT_FALSE(bad) << name;
    EXPECT_EQ(ErrorCode::kBadInput, bad.error().code);
    EXPECT_FALSE(bad.error().what_to_do.empty());
  }
}

/// Whatever else is named: `down` of one lab must never find another's namespaces.
RC_GTEST_PROP(Names, NoLabsNamespacesBeginLikeAnothers, ()) {
  const auto rest = rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab_1")));
  const std::string two = "l" + (*rest).substr(0, 7);
  const std::string one = two + *rc::gen::elementOf(std::string("ab_1")) + (*rest).substr(0, 7);
  const std::string host = "h" + (*rest).substr(0, 15);
  RC_ASSERT(validate_name("lab", one).has_value());
  RC_ASSERT(validate_name("lab", two).has_value());
  RC_ASSERT(validate_name("host", host).has_value());
  RC_ASSERT(!netns_name(two, host).starts_with(netns_prefix(one)));
  RC_ASSERT(!netns_name(one, host).starts_with(netns_prefix(two)));
}

TEST(LabSpecs, HostsAreTwoOrMoreAndApart) {
  EXPECT_TRUE(validate(LabSpec{}));
  LabSpec spec;
  for (const std::vector<std::string>& hosts :
       std::vector<std::vector<std::string>>{{},
                                             {"a"},
                                             {"a", "a"},
                                             {"a", "client"},
                                             {"switch", "b"},
                                             {"a", "B"},
                                             std::vector<std::string>(17, "x")}) {
    spec.hosts = hosts;
    auto bad = validate(spec);
    ASSERT_FALSE(bad);
    EXPECT_EQ(ErrorCode::kBadInput, bad.error().code);
  }
}

TEST(LabSpecs, RateIsWithinWhatCanBeShaped) {
  LabSpec spec;
  for (const double rate : {0.0, -1.0, 999'999.0, 1.1e9}) {
    spec.migration_rate = BytesPerSecond(rate);
    EXPECT_FALSE(validate(spec)) << rate;
  }
  for (const double rate : {1e6, 40e6, 1e9}) {
    spec.migration_rate = BytesPerSecond(rate);
    EXPECT_TRUE(validate(spec)) << rate;
  }
}

TEST(LabSpecs, RoundTripIsNoneOrWithinWhatCanBeHadHere) {
  LabSpec spec;
  EXPECT_FALSE(migration_link(spec).round_trip) << "nobody knows what the machine takes";
  for (const double seconds : {-0.005, 0.0001, 0.0009, 1.1, 3600.0}) {
    spec.round_trip = Seconds(seconds);
    const auto bad = validate(spec);
    ASSERT_FALSE(bad) << seconds;
    EXPECT_EQ(ErrorCode::kBadInput, bad.error().code);
    EXPECT_NE(std::string::npos, bad.error().what_to_do.text().find("1 ms to 1.00 s"));
  }
  for (const double seconds : {0.0, 0.001, 0.005, 1.0}) {
    spec.round_trip = Seconds(seconds);
    EXPECT_TRUE(validate(spec)) << seconds;
  }
  EXPECT_EQ(migration_link(spec), (Link{spec.migration_rate, Seconds(1)}));
}

TEST(GuestSpecs, MemoryIsWholeMebibytesThatTheMachineHas) {
  GuestSpec spec;
  for (const std::int64_t ram :
       std::vector<std::int64_t>{0, -(256LL << 20), 64LL << 20, (256LL << 20) + 1, 1LL << 60}) {
    spec.ram = Bytes(ram);
    EXPECT_FALSE(validate(spec)) << ram;
  }
}

TEST(GuestSpecs, LoadIsOneWordOfAKernelCommandLine) {
  GuestSpec spec;
  for (const char* load :
       {"", "idle quiet", "idle\n", "idle\"", "$(x)", "idle*", "idle&", "idle|x"}) {
    spec.load = load;
    EXPECT_FALSE(validate(spec)) << load;
  }
  spec.load = std::string(1025, 'a');
  EXPECT_FALSE(validate(spec));
  spec.load = "memory-write,set=64MiB,rate=1.5MB/s,pattern=hot-cold";
  EXPECT_TRUE(validate(spec));
  spec.load = "cpu,duty=50%@2s;idle@500ms+tcp-send,peer=10.77.0.1:9000,rate=1MB/s";
  EXPECT_TRUE(validate(spec));
}

TEST(GuestSpecs, DiskIsWholeMebibytes) {
  GuestSpec spec;
  for (const std::int64_t disk :
       std::vector<std::int64_t>{0, -(1LL << 20), (1LL << 20) + 1, 1LL << 41}) {
    spec.disk = Bytes(disk);
    EXPECT_FALSE(validate(spec)) << disk;
  }
  spec.disk = Bytes(1LL << 20);
  EXPECT_TRUE(validate(spec));
}

TEST(GuestSpecs, OwnDisksNeedADisk) {
  GuestSpec spec;
  spec.own_disks = true;
  EXPECT_FALSE(validate(spec));
  spec.disk = Bytes(1LL << 20);
  EXPECT_TRUE(validate(spec));
}

TEST(GuestSpecs, ALoadOfPrograms) {
  EXPECT_TRUE(runs_programs("program,name=redis"));
  EXPECT_TRUE(runs_programs("idle+program,name=redis"));
  EXPECT_TRUE(runs_programs("idle@1s;program,name=redis,clients=2@2s"));
  for (const char* load : {"", "idle", "program", "cpu,name=program,x", "xprogram,name=redis"}) {
    EXPECT_FALSE(runs_programs(load)) << load;
  }
}

TEST(GuestSpecs, AtLeastOneVcpu) {
  GuestSpec spec;
  for (const int vcpus : {0, -1, 17}) {
    spec.vcpus = vcpus;
    EXPECT_FALSE(validate(spec)) << vcpus;
  }
}

TEST(Shape, LeavesRoomForTheHeadersOfFullFrames) {
  const Shape shape = shape_for(BytesPerSecond(144.8e6));
  EXPECT_EQ(151'400'000 * 8, shape.rate_bits_per_s);
  EXPECT_EQ(605'600, shape.burst_bytes) << "4 ms of it";
  EXPECT_EQ(128 << 10, shape_for(BytesPerSecond(1e6)).burst_bytes) << "two of the largest sends";
}

}  // namespace
}  // namespace godwit::lab
