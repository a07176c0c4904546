#include "godwit/bench/trial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <nlohmann/json.hpp>

#include "testing/generators.h"

namespace godwit::bench {
namespace {

using testing::HasSubstr;

Cell any_cell() {
  Cell cell;
  cell.load = generate::text();
  cell.spec = generate::text();
  cell.technique = generate::technique();
  cell.ram = generate::bytes();
  cell.pings = generate::flag();
  cell.repeat = 1 + generate::count(999);
  cell.rehearse = !cell.pings;
  cell.parameters.downtime_limit = Seconds(0.25);
  cell.law = cell.load;
  if (cell.pings) cell.max_downtime = Seconds(0.5);
  cell.no_postcopy = cell.relay = cell.rehearse;
  if (cell.relay) {
    cell.round_trip = Seconds(0.005);
    cell.disk = cell.ram;
    cell.disk_filled = Ratio(0.5);
    cell.prefer = Intent::Prefer::kAgility;
    cell.parameters.precopy_storage = Ratio(0.25);
  }
  if (cell.repeat % 3 == 0) {
    EXPECT_TRUE(set_technique(cell, cell.relay ? "auto+storage" : "auto"));
  }
  cell.sweep = {{"set", "4MiB"}, {cell.load, cell.spec}};
  return cell;
}

Trial whole_trial() {
  Trial trial;
  trial.number = 7;
  trial.wall_us = 1'795'250'000'000'000;
  trial.cell.load = "writer";
  trial.record = OutcomeRecord{};
  trial.samples = {{Seconds(0.1), 4_MB, 200_MB, 10_MB_per_s, 20},
                   {Seconds(0.2), 8_MB, std::nullopt, std::nullopt, std::nullopt}};
  trial.pings = {{Seconds(-0.5), Seconds(0.0005)}, {Seconds(0.501), std::nullopt}};
  trial.host_cpu = {Seconds(1.25), std::nullopt};
  trial.network = Network{};
  trial.network->tcp_gap = Seconds(0.375);
  trial.network->udp_lost = 12;
  trial.network->http_p99 = {Seconds(0.003), Seconds(0.25), std::nullopt};
  trial.network->http_failed = {0, 3, 0};
  trial.runs_there = Seconds(33.25);
  trial.restored = Seconds(21.5);
  return trial;
}

RC_GTEST_PROP(CellCodec, GivesBackWhatItWrote, ()) {
  const Cell cell = any_cell();
  const auto read = cell_from_json(to_json(cell));
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == cell);
}

TEST(CellCodec, ARunOfAnOlderVersionWasSteeredByNoLaw) {
  Json json = to_json(Cell{});
  for (const char* key : {"law", "max_downtime_s", "no_postcopy", "prefer", "relay",
                          "round_trip_ms", "disk_bytes", "disk_filled"}) {
    json.erase(key);
  }
  const auto read = cell_from_json(json);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, Cell{});
}

RC_GTEST_PROP(TrialCodec, GivesBackWhatItWrote, (const OutcomeRecord& record)) {
  Trial trial = whole_trial();
  trial.cell = any_cell();
  trial.record = record;
  const auto read = trial_from_json(to_json(trial));
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == trial);
}

/// Zhang's figures are of what was advised, not of a name that stands for any technique.
TEST(ATrial, ThatWasAdvisedTellsOfWhatWasCarriedOut) {
  Trial trial = whole_trial();
  ASSERT_TRUE(set_technique(trial.cell, "auto+storage"));
  EXPECT_EQ(technique_name(trial.cell), "auto+storage");
  EXPECT_THAT(describe(trial.cell), HasSubstr("by auto+storage"));
  trial.record->outcome.parameters.precopy_storage = Ratio(0.25);
  trial.record->predicted = Prediction{{}, Advice{Technique::kHybrid, {}, ""}};
  EXPECT_EQ(technique_of(trial), Technique::kHybrid);
  EXPECT_EQ(parameters_of(trial).precopy_storage, Ratio(0.25));
  EXPECT_FALSE(agility_of(trial)) << "nobody measured a downtime";
  trial.record->outcome.downtime.events = Seconds(0.5);
  EXPECT_NEAR(*agility_of(trial), 20 / 22.0, 1e-9);
}

TEST(TrialCodec, ABrokenTrialHasAReasonAndNoRecord) {
  Trial trial = whole_trial();
  trial.record.reset();
  trial.broken = "the guest never got ready";
  EXPECT_EQ(status_of(trial), "broken");
  EXPECT_EQ(trial_from_json(to_json(trial)).value(), trial);
}

Phases<Seconds> any_times() {
  const auto time = [] {
    return generate::maybe([] { return Seconds(generate::count(100'000) / 1e3); });
  };
  return {time(), time(), time()};
}
Phases<std::int64_t> any_counts() {
  const auto count = [] { return generate::maybe([] { return generate::up_to(1'000'000); }); };
  return {count(), count(), count()};
}
Network any_network() {
  Network network;
  network.tcp_gap = any_times().before;
  network.udp_lost = any_counts().before;
  network.udp_out_of_order = any_counts().before;
  network.http_p50 = any_times();
  network.http_p99 = any_times();
  network.http_failed = any_counts();
  network.trouble = generate::maybe(generate::text);
  return network;
}

RC_GTEST_PROP(TrialCodec, KeepsWhatAClientSaw, ()) {
  Trial trial = whole_trial();
  trial.network = any_network();
  const auto read = trial_from_json(to_json(trial));
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->network.has_value());
  const Network& network = *read->network;
  // times go through milliseconds: equal to a nanosecond
  const auto near = [](std::optional<Seconds> a, std::optional<Seconds> b) {
    return a.has_value() == b.has_value() && (!a || std::abs((*a - *b).count()) < 1e-9);
  };
  RC_ASSERT(near(network.tcp_gap, trial.network->tcp_gap));
  RC_ASSERT(near(network.http_p50.before, trial.network->http_p50.before));
  RC_ASSERT(near(network.http_p50.after, trial.network->http_p50.after));
  RC_ASSERT(near(network.http_p99.during, trial.network->http_p99.during));
  RC_ASSERT(network.udp_lost == trial.network->udp_lost);
  RC_ASSERT(network.udp_out_of_order == trial.network->udp_out_of_order);
  RC_ASSERT(network.http_failed == trial.network->http_failed);
  RC_ASSERT(network.trouble == trial.network->trouble);
}

TEST(TrialCodec, WithoutAClientThereIsNoNetwork) {
  Trial trial = whole_trial();
  trial.network.reset();
  EXPECT_FALSE(to_json(trial).contains("network"));
  EXPECT_EQ(trial_from_json(to_json(trial)).value(), trial);
}

std::string refusal(void (*spoil)(Json&)) {
  Json json = to_json(whole_trial());
  spoil(json);
  const auto read = trial_from_json(json);
  if (read) return "accepted";
  EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
  return read.error().message;
}

TEST(TrialCodec, RefusesWhatNobodyWrote) {
  EXPECT_THAT(refusal([](Json& j) { j.erase("number"); }), HasSubstr("number"));
  EXPECT_THAT(refusal([](Json& j) { j["at"] = "yesterday"; }), HasSubstr("yesterday"));
  EXPECT_THAT(refusal([](Json& j) { j["broken"] = "both"; }), HasSubstr("record"));
  EXPECT_THAT(refusal([](Json& j) { j.erase("record"); }), HasSubstr("record"));
  EXPECT_THAT(refusal([](Json& j) { j["samples"] = 3; }), HasSubstr("samples"));
  EXPECT_THAT(refusal([](Json& j) { j["samples"]["t_s"].push_back(1); }), HasSubstr("length"));
  EXPECT_THAT(refusal([](Json& j) { j["samples"]["t_s"][0] = "x"; }), HasSubstr("no number"));
  EXPECT_THAT(refusal([](Json& j) { j["pings"].erase("answer_ms"); }), HasSubstr("answer_ms"));
  EXPECT_THAT(refusal([](Json& j) { j["network"] = 3; }), HasSubstr("network"));
  EXPECT_THAT(refusal([](Json& j) { j["network"]["udp_lost"] = -1; }), HasSubstr("udp_lost"));
  EXPECT_THAT(refusal([](Json& j) { j["network"]["http_p99_ms"] = "x"; }), HasSubstr("http_p99"));
  EXPECT_THAT(refusal([](Json& j) { j["cell"]["technique"] = "walk"; }), HasSubstr("walk"));
  EXPECT_THAT(refusal([](Json& j) { j["cell"]["repeat"] = 0; }), HasSubstr("repeat"));
}

}  // namespace
}  // namespace godwit::bench
