#include "godwit/codec/codec.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "source_tree.h"
#include "testing/generators.h"

namespace godwit {
namespace {

/// As a file or a peer gives it: through text.
Json through_text(const Json& json) {
  return parse_json(json.dump()).value();
}

// --- whatever is valid survives ---

RC_GTEST_PROP(Codec, KeepsParameters, (const MigrationParameters& value)) {
  RC_ASSERT(parameters_from_json(through_text(to_json(value))).value() == value);
}
RC_GTEST_PROP(Codec, KeepsProfiles, (const GuestProfile& value)) {
  RC_ASSERT(profile_from_json(through_text(to_json(value))).value() == value);
}
RC_GTEST_PROP(Codec, KeepsPredictions, (const Prediction& value)) {
  RC_ASSERT(prediction_from_json(through_text(to_json(value))).value() == value);
}
RC_GTEST_PROP(Codec, KeepsOutcomes, (const MigrationOutcome& value)) {
  RC_ASSERT(outcome_from_json(through_text(to_json(value))).value() == value);
}
RC_GTEST_PROP(Codec, KeepsRecords, (const OutcomeRecord& value)) {
  RC_ASSERT(record_from_json(through_text(to_json(value))).value() == value);
}

RC_GTEST_PROP(Codec, KeepsAnyDowntimeToANanosecond, ()) {
  MigrationOutcome outcome;
  outcome.downtime.probe = Seconds(generate::number() / 16384);  // up to 18 h
  const auto once = outcome_from_json(to_json(outcome)).value();
  const double error = (*once.downtime.probe - *outcome.downtime.probe).count();
  RC_ASSERT(std::abs(error) <= 0.5e-9 + 1e-15 * outcome.downtime.probe->count());
  RC_ASSERT(to_json(once) == to_json(outcome));
}

RC_GTEST_PROP(Codec, KeepsTimes, ()) {
  const std::int64_t wall_us = generate::wall_us();
  RC_ASSERT(iso8601(wall_us).size() == 27U);
  RC_ASSERT(parse_iso8601(iso8601(wall_us)).value() == wall_us);
}

TEST(Codec, WritesTimesAsIso8601) {
  EXPECT_EQ(iso8601(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(iso8601(1'709'164'800'000'001), "2024-02-29T00:00:00.000001Z");
  EXPECT_EQ(iso8601(-1), "1969-12-31T23:59:59.999999Z");
}

class BadTime : public ::testing::TestWithParam<const char*> {};
TEST_P(BadTime, IsRefused) {
  const auto time = parse_iso8601(GetParam());
  ASSERT_FALSE(time) << *time;
  EXPECT_EQ(time.error().code, ErrorCode::kCorrupt);
}
INSTANTIATE_TEST_SUITE_P(
    All, BadTime,
    ::testing::Values("", "now", "2026-11-21", "2026-11-21T08:31:55Z", "2026-11-21T08:31:55.12Z",
                      "2026-11-21T08:31:55.123456", "2026-11-21T08:31:55.123456+",
                      "2026-11-21T08:31:55.123456Z ", " 2026-11-21T08:31:55.12345Z",
                      "2026-13-21T08:31:55.123456Z", "2026-02-31T08:31:55.123456Z",
                      "2026-11-21T24:31:55.123456Z", "2026-11-21T08:60:55.123456Z",
                      "2026-11--1T08:31:55.123456Z", "2026- 1-21T08:31:55.123456Z",
                      "1969-12-31T23:59:59.999999Z", "2026-11-21T08:31:55.-23456Z"));

// --- the written form ---

DirtyPoint point(double window, Bytes unique) {
  return {Seconds(window), unique, unique * Ratio(0.9), unique * Ratio(1.1)};
}

GuestProfile example_profile() {
  GuestProfile p;
  p.vm = "qmp:/p/src.qmp";
  p.ram = 512_MiB;
  p.zero_share = Ratio(0.5);
  p.data_by_part = {Ratio(0.25), Ratio(0.75)};
  p.observed = Seconds(8);
  p.sampled_pages = 4096_pages;
  p.blind_spot = "misses writes that leave a page as it was";
  p.dirty_curve = {point(0.125, 4_MiB), point(8, 64_MiB)};
  p.other_curves = {{DirtySource::kRehearsal, "the guest was slowed", {point(0.3, 5_MiB)}}};
  p.dirty_series = {point(1, 20_MiB)};
  p.write_trace =
      WriteTrace{Seconds(0.125), 6, 512_pages, {{true, false, true, true, false, true}}};
  p.vcpus = 2;
  p.host_cpus = 8;
  p.vcpu_use = 1.25;
  p.activity.disk_written = 5_MB_per_s;
  p.activity.instructions = 2e9;
  p.accelerator = "tcg";
  p.qemu_version = "10.0.2";
  return p;
}

Prediction example_prediction() {
  TechniquePrediction runs;
  runs.parameters.max_bandwidth = 50_MB_per_s;
  runs.parameters.downtime_limit = Seconds(0.3);
  runs.converges = true;
  runs.converges_probability = Ratio(0.97);
  runs.why = "the guest writes slower than the link sends";
  runs.model = "twin";
  runs.total_time = Interval<Seconds>{Seconds(6.5), Seconds(6), Seconds(7)};
  runs.downtime.qemu = Interval<Seconds>{Seconds(0.12), Seconds(0.1), Seconds(0.3)};
  runs.transferred = Interval<Bytes>{310_MiB, 300_MiB, 330_MiB};
  runs.slowdown = Interval<Ratio>{Ratio(0.05), Ratio(0), Ratio(0.1)};
  runs.host_cpu = Interval<Seconds>{Seconds(2), Seconds(1.5), Seconds(3)};
  runs.rounds = {{Seconds(5.5), 256_MiB, 20_MiB}};
  TechniquePrediction never;
  never.technique = Technique::kXbzrle;
  never.parameters.xbzrle_cache = 64_MiB;
  never.why = "the guest writes faster than the link sends";
  never.model = "twin";
  Advice advice;
  advice.parameters = runs.parameters;
  advice.why = "the shortest downtime";
  return {{runs, never}, advice};
}

MigrationOutcome example_outcome() {
  MigrationOutcome o;
  o.status = OutcomeStatus::kCompleted;
  o.vm_runs_on = VmRunsOn::kDestination;
  o.requested.technique = "auto";
  o.parameters.multifd_channels = 4;
  o.parameters.multifd_compression = "zstd";
  o.parameters.throttle_initial_percent = 20;
  o.parameters.precopy_share = Ratio(0.75);
  o.total_time = Seconds(6.625);
  o.downtime = {Seconds(0.143), Seconds(0.151), std::nullopt};
  o.transferred.qemu = 312_MiB;
  o.rounds = {{1, Seconds(0), Seconds(5.5), 256_MiB, 20_MiB},
              {2, Seconds(5.5), Seconds(1), 20_MiB, std::nullopt}};
  o.guest = {Ratio(0.0625), Seconds(0.16), true, "its counter advanced and it answered pings"};
  o.started_wall_us = 1'795'250'000'123'456;
  return o;
}

MigrationOutcome example_outcome_with_storage() {
  MigrationOutcome o = example_outcome();
  o.requested.technique = "auto+storage";
  o.total_time = Seconds(13.125);
  o.technique.storage = true;
  o.storage = StorageOutcome{1, 256_MiB, Seconds(6.5), Seconds(0.02)};
  o.storage->precopy_share = Ratio(0.25);
  o.storage->discarded = 1_MiB;
  o.storage->independent_after = Seconds(12.5);
  return o;
}

OutcomeRecord example_record() {
  OutcomeRecord r;
  r.id = 7;
  r.source = "lab:guest";
  r.destination = "lab:b";
  r.link = Link{50_MB_per_s, Seconds(0.0005)};
  r.profile = example_profile();
  r.predicted = example_prediction();
  r.outcome = example_outcome();
  return r;
}

/// The form that is promised to others lies in tests/data; GODWIT_UPDATE_GOLDEN=1 writes it anew,
/// for a look at the difference before it is committed.
void expect_golden(const Json& json, const std::string& name) {
  const std::string path = in_source_tree(fmt::format("src/codec/tests/data/{}.json", name));
  const std::string text = json.dump(2) + "\n";
  if (std::getenv("GODWIT_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ifstream file(path);
  const std::string golden{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_EQ(text, golden) << "if that is meant: GODWIT_UPDATE_GOLDEN=1, and look at git diff";
}

TEST(GoldenCodec, Profile) {
  expect_golden(to_json(example_profile()), "profile");
}
TEST(GoldenCodec, Prediction) {
  expect_golden(to_json(example_prediction()), "prediction");
}
TEST(GoldenCodec, Outcome) {
  expect_golden(to_json(example_outcome()), "outcome");
}
TEST(GoldenCodec, OutcomeWithStorage) {
  expect_golden(to_json(example_outcome_with_storage()), "outcome-storage");
}
TEST(GoldenCodec, Record) {
  expect_golden(to_json(example_record()), "record");
}
TEST(GoldenCodec, Error) {
  expect_golden(to_json(Error{ErrorCode::kBusy, "it is taken", "wait"}), "error");
}
TEST(GoldenCodec, ExamplesSurvive) {
  EXPECT_EQ(record_from_json(through_text(to_json(example_record()))).value(), example_record());
}

// --- hostile input ---

/// One value of a good record replaced by a bad one: `at` is where (JSON pointer), `named` is what
/// the message must name.
struct Bad {
  const char* at;
  Json value;
  const char* named;
};
void PrintTo(const Bad& bad, std::ostream* out) {
  *out << bad.at << " = " << bad.value.dump();
}

class HostileRecord : public ::testing::TestWithParam<Bad> {};
TEST_P(HostileRecord, IsRefusedByName) {
  Json json = to_json(example_record());
  json[Json::json_pointer(GetParam().at)] = GetParam().value;
  const auto record = record_from_json(json);
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(record.error().message.find(GetParam().named), std::string::npos)
      << record.error().message;
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

INSTANTIATE_TEST_SUITE_P(
    NotANumber, HostileRecord,
    ::testing::Values(Bad{"/link/rate_bytes_per_s", kNan, "link.rate_bytes_per_s"},
                      Bad{"/link/rate_bytes_per_s", kInfinity, "link.rate_bytes_per_s"},
                      Bad{"/profile/zero_share", kNan, "profile.zero_share"},
                      Bad{"/profile/vcpu_use", kInfinity, "profile.vcpu_use"},
                      Bad{"/profile/dirty_curve/1/window_s", kNan, "dirty_curve[1].window_s"},
                      Bad{"/outcome/total_time_s", -kInfinity, "outcome.total_time_s"},
                      Bad{"/outcome/downtime_ms/qemu", kNan, "outcome.downtime_ms.qemu"}));

INSTANTIATE_TEST_SUITE_P(
    Negative, HostileRecord,
    ::testing::Values(Bad{"/link/rate_bytes_per_s", -1, "link.rate_bytes_per_s"},
                      Bad{"/link/round_trip_ms", -0.5, "link.round_trip_ms"},
                      Bad{"/profile/ram_bytes", -1, "profile.ram_bytes"},
                      Bad{"/profile/page_size_bytes", -4096, "profile.page_size_bytes"},
                      Bad{"/profile/zero_share", -0.1, "profile.zero_share"},
                      Bad{"/profile/observed_s", -1, "profile.observed_s"},
                      Bad{"/profile/sampled_pages", -1, "profile.sampled_pages"},
                      Bad{"/profile/vcpus", -1, "profile.vcpus"},
                      Bad{"/profile/vcpu_use", -1, "profile.vcpu_use"},
                      Bad{"/profile/dirty_curve/0/unique_bytes", -1, "dirty_curve[0].unique_bytes"},
                      Bad{"/profile/write_trace/slot_s", 0, "write_trace.slot_s"},
                      Bad{"/profile/write_trace/slots", -1, "write_trace.slots"},
                      Bad{"/profile/write_trace/slots", 9, "write_trace.changed"},
                      Bad{"/profile/write_trace/pages", 0, "write_trace.pages"},
                      Bad{"/profile/write_trace/changed/0", "zz", "write_trace.changed"},
                      Bad{"/profile/write_trace/changed/0", "b7", "write_trace.changed"},
                      Bad{"/profile/dirty_series/0/low_bytes", -1, "dirty_series[0].low_bytes"},
                      Bad{"/predicted/predictions/0/total_time_s/p05", -1, "total_time_s.p05"},
                      Bad{"/predicted/predictions/0/rounds/0/sent_bytes", -1, "rounds[0].sent"},
                      Bad{"/outcome/parameters/multifd_channels", -1, "multifd_channels"},
                      Bad{"/outcome/rounds/1/number", -1, "rounds[1].number"},
                      Bad{"/outcome/rounds/1/duration_s", -1, "rounds[1].duration_s"},
                      Bad{"/outcome/transferred_bytes/wire", -1, "transferred_bytes.wire"},
                      Bad{"/outcome/guest/longest_gap_ms", -1, "guest.longest_gap_ms"}));

INSTANTIATE_TEST_SUITE_P(
    Absurd, HostileRecord,
    ::testing::Values(
        Bad{"/id", 18446744073709551615U, "record.id"}, Bad{"/id", 1.5, "record.id"},
        Bad{"/profile/ram_bytes", std::int64_t{1} << 61, "profile.ram_bytes"},
        Bad{"/profile/ram_bytes", 1e300, "profile.ram_bytes"},
        Bad{"/profile/page_size_bytes", 0, "profile.page_size_bytes"},
        Bad{"/profile/page_size_bytes", 4097, "profile.page_size_bytes"},
        Bad{"/profile/page_size_bytes", std::int64_t{1} << 40, "page_size_bytes"},
        Bad{"/profile/vcpus", 70000, "profile.vcpus"},
        Bad{"/profile/host_cpus", 70000, "profile.host_cpus"},
        Bad{"/profile/observed_s", 1e18, "profile.observed_s"},
        Bad{"/profile/dirty_curve/0/unique_bytes", std::int64_t{1} << 60, "dirty_curve"},
        Bad{"/profile/dirty_curve/0/window_s", 9, "dirty_curve"},
        Bad{"/profile/dirty_curve/0/window_s", 0, "dirty_curve"},
        Bad{"/profile/other_curves/0/dirty_curve/0/window_s", 0, "other_curves[0].dirty_curve"},
        Bad{"/profile/other_curves/0/source", "guess", "other_curves[0].source"},
        Bad{"/predicted/predictions/0/slowdown/p95", 1.01, "slowdown.p95"},
        Bad{"/outcome/parameters/throttle_initial_percent", 100, "throttle_initial"},
        Bad{"/outcome/parameters/precopy_share", 2, "precopy_share"},
        Bad{"/outcome/downtime_ms/probe", 1e300, "downtime_ms.probe"},
        Bad{"/outcome/rounds/0/number", 9e15, "rounds[0].number"},
        Bad{"/link/rate_bytes_per_s", 1e300, "link.rate_bytes_per_s"}));

INSTANTIATE_TEST_SUITE_P(
    WrongType, HostileRecord,
    ::testing::Values(Bad{"/source", 1, "record.source"}, Bad{"/link", "fast", "link"},
                      Bad{"/profile", Json::array(), "profile"},
                      Bad{"/profile/ram_bytes", "512MiB", "profile.ram_bytes"},
                      Bad{"/profile/source", "guess", "profile.source"},
                      Bad{"/profile/dirty_curve", Json::object(), "profile.dirty_curve"},
                      Bad{"/profile/dirty_curve/1", nullptr, "dirty_curve[1]"},
                      Bad{"/predicted/predictions", 3, "predictions"},
                      Bad{"/predicted/predictions/1", "x", "predictions[1]"},
                      Bad{"/predicted/predictions/1/converges", 1, "predictions[1]"},
                      Bad{"/predicted/predictions/0/downtime_ms", 5, "downtime_ms"},
                      Bad{"/predicted/predictions/0/total_time_s", 5, "total_time_s"},
                      Bad{"/predicted/advice", true, "advice"},
                      Bad{"/predicted/advice/technique", "teleport", "advice.technique"},
                      Bad{"/outcome/status", "fine", "outcome.status"},
                      Bad{"/outcome/vm_runs_on", 0, "outcome.vm_runs_on"},
                      Bad{"/outcome/technique", nullptr, "outcome.technique"},
                      Bad{"/outcome/requested", "auto", "outcome.requested"},
                      Bad{"/outcome/parameters", 1, "outcome.parameters"},
                      Bad{"/outcome/started_at", "yesterday", "outcome.started_at"},
                      Bad{"/outcome/downtime_ms", 143, "outcome.downtime_ms"},
                      Bad{"/outcome/transferred_bytes", 1, "outcome.transferred_bytes"},
                      Bad{"/outcome/rounds", nullptr, "outcome.rounds"},
                      Bad{"/outcome/rounds/1", 1, "outcome.rounds[1]"},
                      Bad{"/outcome/guest", Json::array(), "outcome.guest"},
                      Bad{"/outcome/guest/alive", "yes", "outcome.guest.alive"}));

/// Where (JSON pointer) each member lies that a decoder must have; taken out, it must be missed.
class MissingMember : public ::testing::TestWithParam<const char*> {};
TEST_P(MissingMember, IsNamed) {
  const Json::json_pointer at(GetParam());
  Json json = to_json(example_record());
  json[at.parent_pointer()].erase(at.back());
  const auto record = record_from_json(json);
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(record.error().message.find(at.back() + " is missing"), std::string::npos)
      << record.error().message;
}
INSTANTIATE_TEST_SUITE_P(
    All, MissingMember,
    ::testing::Values("/id", "/source", "/destination", "/outcome", "/link/rate_bytes_per_s",
                      "/profile/vm", "/profile/ram_bytes", "/profile/page_size_bytes",
                      "/profile/zero_share", "/profile/observed_s", "/profile/source",
                      "/profile/dirty_curve", "/profile/dirty_curve/0/window_s",
                      "/profile/dirty_curve/0/unique_bytes", "/predicted/predictions",
                      "/predicted/predictions/0/technique", "/predicted/predictions/0/parameters",
                      "/predicted/predictions/0/converges",
                      "/predicted/predictions/0/rounds/0/duration_s", "/predicted/advice/technique",
                      "/outcome/status", "/outcome/vm_runs_on", "/outcome/technique",
                      "/outcome/requested", "/outcome/requested/technique", "/outcome/parameters",
                      "/outcome/started_at", "/outcome/downtime_ms", "/outcome/transferred_bytes",
                      "/outcome/rounds", "/outcome/guest", "/outcome/rounds/0/number",
                      "/outcome/rounds/0/started_s", "/outcome/rounds/0/duration_s",
                      "/outcome/rounds/0/sent_bytes"));

/// A name says the same as the value beside it, or the outcome is corrupt.
TEST(Codec, TheTechniqueSaysWhetherDisksMoved) {
  Json json = to_json(example_outcome_with_storage());
  EXPECT_EQ(json["technique"], "precopy+storage");
  EXPECT_EQ(outcome_from_json(json).value(), example_outcome_with_storage());
  json["technique"] = "precopy";
  EXPECT_EQ(outcome_from_json(json).error().code, ErrorCode::kCorrupt);
  json = to_json(example_outcome());
  json["technique"] = "precopy+storage";
  EXPECT_EQ(outcome_from_json(json).error().code, ErrorCode::kCorrupt);
  json["technique"] = "teleport+storage";
  EXPECT_NE(outcome_from_json(json).error().message.find("teleport+storage"), std::string::npos);
  json = to_json(example_outcome_with_storage());
  json["storage"]["mirrored_bytes"] = -1;
  EXPECT_NE(outcome_from_json(json).error().message.find("storage.mirrored"), std::string::npos);
}

TEST(Codec, ReadsOutcomesFromBeforeDisksMoved) {
  Json json = to_json(example_outcome());
  json.erase("storage");
  EXPECT_EQ(outcome_from_json(json).value(), example_outcome());
}

/// A prediction without ground is no "does not converge".
TEST(Codec, APredictionWithoutGroundConvergesNeitherWay) {
  TechniquePrediction unknown;
  unknown.technique = {.streams = Streams::kMultifd, .ending = Ending::kPostcopyAtOnce};
  unknown.grounded = false;
  unknown.why = "nobody measured it";
  const Json json = to_json(Prediction{{unknown}, {}});
  EXPECT_EQ(json["predictions"][0]["technique"], "multifd+postcopy");
  EXPECT_TRUE(json["predictions"][0]["converges"].is_null());
  EXPECT_EQ(prediction_from_json(json).value().predictions.front(), unknown);
  Json without = json;
  without["predictions"][0].erase("converges");
  EXPECT_FALSE(prediction_from_json(without)) << "left out is not null";
}

TEST(Codec, IgnoresWhatItDoesNotKnow) {
  Json json = to_json(example_record());
  json["colour"] = "green";
  json["outcome"]["rounds"][0]["weather"] = Json::array({1, 2});
  EXPECT_EQ(record_from_json(json).value(), example_record());
}

TEST(Codec, ReadsProfilesFromBeforeThereWereSeveralCurves) {
  Json json = to_json(example_profile());
  json.erase("other_curves");
  GuestProfile expected = example_profile();
  expected.other_curves.clear();
  EXPECT_EQ(profile_from_json(json).value(), expected);
}

TEST(Codec, TakesAnAbsentMeasurementForNoneAndNeverForZero) {
  Json json = to_json(example_record());
  json["link"] = nullptr;
  json["outcome"].erase("total_time_s");
  json["outcome"]["downtime_ms"] = Json::object();
  const auto record = record_from_json(json).value();
  EXPECT_EQ(record.link, std::nullopt);
  EXPECT_EQ(record.outcome.total_time, std::nullopt);
  EXPECT_EQ(record.outcome.downtime, Downtime());
}

/// A decoder is total: any JSON value anywhere in a record gives a value or kCorrupt.
RC_GTEST_PROP(Codec, RefusesOrReadsARecordWithAnyPartReplaced, (const OutcomeRecord& record)) {
  const Json flat = to_json(record).flatten();
  const auto index = *rc::gen::inRange<std::size_t>(0, flat.size());
  const std::string at = std::next(flat.begin(), static_cast<std::ptrdiff_t>(index)).key();
  const std::vector<Json> values{nullptr,
                                 true,
                                 -1,
                                 0,
                                 1e308,
                                 kNan,
                                 "",
                                 "x",
                                 Json::array(),
                                 Json::object(),
                                 Json::array({Json::array()}),
                                 std::numeric_limits<std::uint64_t>::max(),
                                 std::numeric_limits<std::int64_t>::min()};
  Json json = to_json(record);
  json[Json::json_pointer(at)] = *rc::gen::elementOf(values);
  const auto decoded = record_from_json(json);
  if (!decoded) RC_ASSERT(decoded.error().code == ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace godwit
