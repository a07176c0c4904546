#include "godwit/schedule/replay.h"

#include <gtest/gtest.h>

#include <cmath>

#include "godwit/schedule/calibrate.h"

namespace godwit::schedule {
namespace {

/// Hosts at one switch, each with that capacity in both directions.
Network flat(const std::vector<BytesPerSecond>& capacities) {
  Network network;
  for (const BytesPerSecond capacity : capacities) {
    network.hosts.push_back({std::to_string(network.hosts.size()), "", capacity, capacity});
  }
  return network;
}

std::vector<std::string> names(const Network& network) {
  std::vector<std::string> names;
  for (const NetworkHost& host : network.hosts) names.push_back(host.name);
  return names;
}

/// A network that carries all that is planned, and hosts that do not mind.
TransferModel ideal_transfer() {
  TransferModel model;
  model.goodputs = {{100_MB_per_s, 1.0}};
  return model;
}

std::vector<TimeSpan> run(const Network& network, const TransferModel& model,
                          const std::vector<OrderedMove>& moves) {
  const Paths paths = Paths::of(network).value();
  return Replay(paths, names(network), model).run(moves);
}

TEST(Transfer, TimeIsMemoryAndHotMemoryByWhatIsLeftOfTheRate) {
  TransferModel model = ideal_transfer();
  model.hot_passes = 1.5;
  // (1000 MB + 1.5 × 100 MB) / (100 − 8 MB/s) = 12.5 s
  EXPECT_NEAR(duration(model, {1000_MB, 100_MB, 8_MB_per_s}, 100_MB_per_s).count(), 12.5, 1e-9);
  model.goodputs = {{100_MB_per_s, 0.9}, {200_MB_per_s, 0.8}};
  EXPECT_NEAR(goodput(model, 150_MB_per_s).value(), 150e6 * 0.85, 1);
  EXPECT_NEAR(goodput(model, 50_MB_per_s).value(), 45e6, 1);
  EXPECT_NEAR(goodput(model, 400_MB_per_s).value(), 320e6, 1);
}

TEST(Transfer, WhatDirtiesFasterThanItsPathNeverEnds) {
  EXPECT_TRUE(
      std::isinf(duration(ideal_transfer(), {1000_MB, 0_MB, 100_MB_per_s}, 100_MB_per_s).count()));
}

TEST(Replay, OneAfterTheOtherEndsSoonerThanBothAtOnce) {
  // Ramanathan, section 5: 1000 MB at 100 MB/s with 20 MB/s dirtied: 1000/80 = 12.5 s each; two at
  // once at 50 MB/s: 1000/30 = 33.3 s.
  const Network network = flat({100_MB_per_s, 100_MB_per_s});
  const MemoryLoad load{1000_MB, 0_MB, 20_MB_per_s};
  const auto sequence =
      run(network, ideal_transfer(), {{load, 0, 1, 100_MB_per_s}, {load, 0, 1, 100_MB_per_s, {0}}});
  EXPECT_NEAR(sequence[1].end.count(), 25, 1e-6);
  const auto parallel =
      run(network, ideal_transfer(), {{load, 0, 1, 100_MB_per_s}, {load, 0, 1, 100_MB_per_s}});
  EXPECT_NEAR(parallel[0].end.count(), 100 / 3.0, 1e-6);
  EXPECT_NEAR(parallel[1].end.count(), 100 / 3.0, 1e-6);
}

TEST(Replay, RatesAreMaxMinFair) {
  // Into host 2 (90 MB/s) come one of at most 30 and one of as much as there is: 30 and 60.
  const Network network = flat({100_MB_per_s, 100_MB_per_s, 90_MB_per_s});
  const auto spans =
      run(network, ideal_transfer(),
          {{{300_MB, 0_MB, {}}, 0, 2, 30_MB_per_s}, {{600_MB, 0_MB, {}}, 1, 2, 100_MB_per_s}});
  EXPECT_NEAR(spans[0].end.count(), 10, 1e-6);
  EXPECT_NEAR(spans[1].end.count(), 10, 1e-6);
}

TEST(Replay, AHostThatSendsAllItCanReceivesLess) {
  TransferModel model = ideal_transfer();
  model.receives_while_sending["1"] = 0.8;
  const Network network = flat({100_MB_per_s, 100_MB_per_s, 100_MB_per_s});
  const auto spans =
      run(network, model,
          {{{800_MB, 0_MB, {}}, 0, 1, 100_MB_per_s}, {{1000_MB, 0_MB, {}}, 1, 2, 100_MB_per_s}});
  EXPECT_NEAR(spans[0].end.count(), 10, 1e-3);
  EXPECT_NEAR(spans[1].end.count(), 10, 1e-3);
  model.receives_while_sending["1"] = 1;
  EXPECT_NEAR(
      run(network, model,
          {{{800_MB, 0_MB, {}}, 0, 1, 100_MB_per_s}, {{1000_MB, 0_MB, {}}, 1, 2, 100_MB_per_s}})[0]
          .end.count(),
      8, 1e-3);
}

TEST(Replay, WhatWaitsForItselfNeverEnds) {
  const Network network = flat({100_MB_per_s, 100_MB_per_s});
  const auto spans = run(network, ideal_transfer(),
                         {{{100_MB, 0_MB, {}}, 0, 1, 100_MB_per_s, {1}},
                          {{100_MB, 0_MB, {}}, 0, 1, 100_MB_per_s, {0}},
                          {{100_MB, 0_MB, {}}, 0, 1, 100_MB_per_s}});
  EXPECT_TRUE(std::isinf(spans[0].end.count()));
  EXPECT_TRUE(std::isinf(spans[1].start.count()));
  EXPECT_NEAR(spans[2].end.count(), 1, 1e-6);
}

TEST(Calibrate, FindsTheConstantsThatPlansWereMadeWith) {
  TransferModel truth = usual_transfer_model();
  truth.goodputs = {{50_MB_per_s, 0.9}, {100_MB_per_s, 0.8}};
  truth.receives_while_sending = {{"0", 0.7}, {"1", 0.9}};
  truth.fan_in_loss = 0.1;
  const Network network = flat({100_MB_per_s, 100_MB_per_s, 100_MB_per_s});
  std::vector<ExecutedPlan> plans;
  for (std::size_t k = 0; k < 6; ++k) {
    const auto big = Bytes(1'000'000'000 + 300'000'000 * static_cast<std::int64_t>(k));
    ExecutedPlan plan{names(network), Paths::of(network).value(), {}, {}};
    plan.moves = {{{big, 90_MB, 2_MB_per_s}, 0, 1, 100_MB_per_s},
                  {{1500_MB, 90_MB, 2_MB_per_s}, 1, k % 2 == 0 ? 0u : 2u, 100_MB_per_s},
                  {{2000_MB, 90_MB, 2_MB_per_s}, 2, 0, 50_MB_per_s, {1}},
                  {{1000_MB, 90_MB, 2_MB_per_s}, 1, 0, 50_MB_per_s, {1}}};
    plan.runs = {Replay(plan.paths, plan.hosts, truth).run(plan.moves)};
    plans.push_back(std::move(plan));
  }
  const TransferModel found = calibrate(plans);
  EXPECT_LT(found.error, 0.05);
  for (const ExecutedPlan& plan : plans) {
    const auto spans = Replay(plan.paths, plan.hosts, found).run(plan.moves);
    for (std::size_t i = 0; i < spans.size(); ++i) {
      EXPECT_NEAR(spans[i].length() / plan.runs[0][i].length(), 1, 0.08);
    }
  }
}

TEST(Calibrate, NothingToLearnFromGivesTheUsualConstants) {
  EXPECT_EQ(calibrate({}).goodputs, usual_transfer_model().goodputs);
}

}  // namespace
}  // namespace godwit::schedule
