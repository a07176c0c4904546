#include "godwit/learn/host_pair.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <nlohmann/json.hpp>
#include <vector>

#include "godwit/twin/predictor.h"

namespace godwit::learn {
namespace {

const Link kPairLink{BytesPerSecond(50e6), {}};

GuestProfile guest(int seed) {
  GuestProfile profile;
  profile.ram = 512_MiB;
  profile.zero_share = Ratio(0.3 + 0.01 * seed);
  profile.data_by_part.assign(32, Ratio(0.7 - 0.01 * seed));
  for (const double t : {0.125, 0.25, 0.5, 1.0, 2.0}) {
    const Bytes unique(std::llround(40e6 * -std::expm1(-1e7 * (1 + seed) * t / 40e6 / 10)));
    profile.dirty_curve.push_back({Seconds(t), unique, unique, unique});
  }
  return profile;
}

/// Migrations between hosts of which all that is known is what happened.
class Hosts {
 public:
  explicit Hosts(const twin::HostPairConstants& truth) : truth_(truth) {}

  void migrate(Technique technique, int seed) { migrate(technique, guest(seed)); }
  void migrate(Technique technique, GuestProfile profile) {
    profiles_.push_back(std::move(profile));
    twin::Options options;
    options.pair = truth_;
    const auto p = *twin::Predictor::make(profiles_.back(), kPairLink, options)->predict(technique);
    PairSample sample;
    sample.profile = &profiles_.back();
    sample.technique = technique;
    sample.link = kPairLink;
    sample.total = p.total_time->p50;
    sample.transferred = p.transferred->p50;
    sample.downtime.qemu = p.downtime.qemu->p50;
    sample.downtime.events = p.downtime.events->p50;
    sample.downtime.probe = p.downtime.probe->p50;
    samples.push_back(sample);
  }
  std::vector<PairSample> samples;

 private:
  twin::HostPairConstants truth_;
  std::deque<GuestProfile> profiles_;  // samples point to them
};

TEST(LearnPair, FindsWhatTheHostsAreLike) {
  twin::HostPairConstants truth;
  truth.rate = Ratio(0.9);
  truth.resume = {Seconds(0.2), Seconds(0.1), Seconds(0.3)};
  truth.client = {Seconds(0.35), Seconds(0.2), Seconds(0.5)};
  truth.postcopy_stop = {Seconds(0.02), Seconds(0.01), Seconds(0.03)};
  Hosts hosts(truth);
  for (int i = 0; i < 12; ++i) hosts.migrate(Technique::kPrecopy, i);
  for (int i = 0; i < 12; ++i) hosts.migrate(Technique::kPostcopy, i);
  const twin::HostPairConstants learnt = learn_pair(hosts.samples);
  EXPECT_NEAR(learnt.rate.value(), 0.9, 0.01);
  EXPECT_NEAR(learnt.resume.p50.count(), 0.2, 0.02);
  EXPECT_NEAR(learnt.client.p50.count(), 0.35, 0.02);
  EXPECT_NEAR(learnt.postcopy_stop.p50.count(), 0.02, 1e-6);
  EXPECT_NEAR(learnt.faults_at_once.p50, truth.faults_at_once.p50, 2.5);
  EXPECT_EQ(learnt.faults_after_pass, twin::HostPairConstants{}.faults_after_pass)
      << "nobody tried it";
}

/// Guests whose pages compress to a half, each in so long.
GuestProfile compressible(int seed, Seconds per_page) {
  GuestProfile profile = guest(seed);
  profile.contents = PageContents{PageCount(500), Ratio(0.5), Ratio(0.5), per_page, per_page, 4.0};
  profile.changed_contents = profile.end_contents = profile.contents;
  profile.vcpu_use = 0.1;
  profile.host_cpus = 16;
  return profile;
}

TEST(LearnPair, HowFastItCompressesIsLearntOfThePair) {
  for (const double speed : {0.4, 2.5}) {
    twin::HostPairConstants truth;
    truth.compressing_speed = speed;
    Hosts hosts(truth);
    // by two channels 41 MB of stream a second: with 0.4 bound by processors, with 2.5 by the link
    for (int i = 0; i < 12; ++i) {
      hosts.migrate(Technique::kMultifdZstd, compressible(i, Seconds(100e-6)));
    }
    const twin::HostPairConstants learnt = learn_pair(hosts.samples);
    if (speed < 1) {
      EXPECT_NEAR(learnt.compressing_speed, speed, 0.02);
    } else {
      EXPECT_GT(learnt.compressing_speed, 1.15) << "the link hides how much faster";
    }
    const auto said = *twin::Predictor::make(*hosts.samples[0].profile, kPairLink, {.pair = learnt})
                           ->predict(Technique::kMultifdZstd);
    EXPECT_NEAR(said.total_time->p50 / hosts.samples[0].total, 1, 0.03) << speed;
  }
}

TEST(LearnPair, WhereTheLinkIsTheBoundNothingIsLearntOfCompressing) {
  Hosts hosts{twin::HostPairConstants()};
  for (int i = 0; i < 12; ++i) {
    hosts.migrate(Technique::kMultifdZstd, compressible(i, Seconds(10e-6)));
  }
  EXPECT_EQ(learn_pair(hosts.samples).compressing_speed, 1);
  EXPECT_EQ(learn_pair(hosts.samples).processors, twin::HostPairConstants().processors);
}

TEST(LearnPair, BytesAreAsUncertainAsTheyWereInNineOfTen) {
  Hosts hosts{twin::HostPairConstants()};
  for (int i = 0; i < 20; ++i) hosts.migrate(Technique::kPrecopy, i);
  for (std::size_t i = 0; i < 4; ++i) {
    hosts.samples[i].transferred = hosts.samples[i].transferred * Ratio(1.1);
  }
  EXPECT_NEAR(learn_pair(hosts.samples).stream_error.value(), 0.1, 0.001);
  hosts.samples.resize(7);
  EXPECT_EQ(learn_pair(hosts.samples).stream_error, twin::HostPairConstants().stream_error);
}

TEST(LearnPair, WhatTheTwinWouldGuessTeachesNothing) {
  twin::HostPairConstants truth;
  truth.rate = Ratio(0.5);
  Hosts hosts(truth);
  for (int i = 0; i < 12; ++i) hosts.migrate(Technique::kPrecopy, i);
  std::vector<GuestProfile> older;
  for (const PairSample& sample : hosts.samples) older.push_back(*sample.profile);
  for (std::size_t i = 0; i < older.size(); ++i) {
    older[i].data_by_part.clear();
    hosts.samples[i].profile = &older[i];
  }
  EXPECT_EQ(learn_pair(hosts.samples).rate, Ratio(1));
}

TEST(LearnPair, AHandfulOfMigrationsProvesNothing) {
  twin::HostPairConstants truth;
  truth.rate = Ratio(0.5);
  Hosts hosts(truth);
  for (int i = 0; i < 5; ++i) hosts.migrate(Technique::kPrecopy, i);
  EXPECT_EQ(learn_pair(hosts.samples).rate, Ratio(1));
  EXPECT_EQ(learn_pair({}).rate, Ratio(1));
}

TEST(LearnPair, QemusWholeTimeAsDowntimeOfAPostcopyIsNotBelieved) {
  Hosts hosts({});
  for (int i = 0; i < 12; ++i) hosts.migrate(Technique::kPostcopy, i);
  for (int i = 0; i < 4; ++i) {
    PairSample& sample = hosts.samples[static_cast<std::size_t>(i)];
    sample.downtime.qemu = sample.total * 0.99;
  }
  EXPECT_LT(learn_pair(hosts.samples).postcopy_stop.p95, Seconds(0.1));
}

TEST(HostPair, IsWhatItWasAfterAFile) {
  twin::HostPairConstants pair;
  pair.rate = Ratio(0.9);
  pair.resume = {Seconds(0.2), Seconds(0.1), Seconds(0.3)};
  pair.faults_at_once = {30, 20, 40};
  const auto again = pair_from_json(to_json(pair));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(to_json(*again), to_json(pair));
  EXPECT_EQ(again->resume, pair.resume);
}

TEST(HostPair, ABrokenOneIsRefused) {
  const Json whole = to_json(twin::HostPairConstants());
  for (const auto& [key, value] : whole.items()) {
    Json torn = whole;
    torn.erase(key);
    EXPECT_FALSE(pair_from_json(torn)) << key;
    torn[key] = "much";
    EXPECT_FALSE(pair_from_json(torn)) << key;
    torn[key] = -1;
    EXPECT_FALSE(pair_from_json(torn)) << key;
  }
  Json swapped = whole;
  swapped["resume_s"]["p05"] = 9;
  EXPECT_FALSE(pair_from_json(swapped));
  EXPECT_FALSE(pair_from_json(Json::array()));
}

}  // namespace
}  // namespace godwit::learn
