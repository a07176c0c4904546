#include "godwit/bench/steer.h"

#include <algorithm>

#include "godwit/base/clock.h"
#include "godwit/base/rng.h"
#include "godwit/control/migration_run.h"
#include "godwit/model/dirty_curve.h"
#include "godwit/steer/laws.h"
#include "godwit/twin/session.h"

namespace godwit::bench {
namespace {

/// What nobody waits for any longer.
constexpr Seconds kPatience{600};

using Curve = std::function<Bytes(Seconds)>;

/// A guest of 1 GiB whose pages hold data in three quarters, as a profile shows it.
GuestProfile guest(const Curve& curve) {
  GuestProfile profile;
  profile.ram = 1_GiB;
  profile.zero_share = Ratio(0.25);
  profile.observed = Seconds(8);
  for (const double t : {0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0}) {
    const Bytes bytes = curve(Seconds(t));
    profile.dirty_curve.push_back({Seconds(t), bytes, bytes * Ratio(0.95), bytes * Ratio(1.05)});
  }
  return profile;
}

Curve uniform(Bytes set, BytesPerSecond rate) {
  return [=](Seconds t) { return model::uniform_writer(set, rate, t); };
}
Curve sequential(Bytes set, BytesPerSecond rate) {
  return [=](Seconds t) { return model::sequential_writer(set, rate, t); };
}
/// A small part is written all the time, a large one slowly.
Curve hot_and_cold(Bytes hot, Bytes cold, BytesPerSecond slow) {
  return [=](Seconds t) {
    return model::uniform_writer(hot, 400_MB_per_s, t) + model::uniform_writer(cold, slow, t);
  };
}

/// What a law is to move: the same guest, link, intent and chances for every one.
struct Task {
  const GuestProfile& profile;
  Link link;
  Intent intent;
  Technique technique{};
  MigrationParameters parameters{};
};

Result<MigrationOutcome> move(const Task& task, const std::string& law_name,
                              const twin::SessionOptions& chances) {
  ManualClock clock;
  GODWIT_TRY(const auto session, twin::Session::make(clock, task.profile, task.link, chances));
  GODWIT_TRY(const auto law, steer::law_by_name(law_name, {&task.profile, task.link, {}}));
  MigrationPlan plan{task.technique, task.parameters,
                     std::min(task.intent.max_time.value_or(kPatience), kPatience)};
  plan.intent = task.intent;
  plan.may_end_by_postcopy = !task.intent.no_postcopy;
  plan.parameters.max_bandwidth = task.link.rate;
  law->shape(plan);
  control::RunOptions options;
  options.requested = {to_string(task.technique), law_name};
  GODWIT_TRY(MigrationOutcome outcome,
             control::run_migration(clock, *session, plan, *law, {}, options, {}));
  outcome.downtime.probe = session->client_outage();
  return outcome;
}

Intent intent(Seconds downtime, Seconds time, bool no_postcopy) {
  Intent wanted;
  wanted.max_downtime = downtime;
  wanted.max_time = time;
  wanted.no_postcopy = no_postcopy;
  return wanted;
}

}  // namespace

SteerSuite steer_suite() {
  SteerSuite suite;
  for (const steer::LawName& one : steer::law_names()) suite.laws.emplace_back(one.name);
  const auto add = [&suite](const char* name, const Curve& curve) {
    suite.guests.push_back({name, guest(curve)});
    suite.guests.back().profile.vm = name;
  };
  add("idle", [](Seconds) { return Bytes(0); });
  add("uniform-10", uniform(64_MiB, 10_MB_per_s));
  add("uniform-30", uniform(128_MiB, 30_MB_per_s));
  add("uniform-60", uniform(256_MiB, 60_MB_per_s));
  add("uniform-100", uniform(256_MiB, 100_MB_per_s));
  add("uniform-400", uniform(512_MiB, 400_MB_per_s));
  add("small-400", uniform(8_MiB, 400_MB_per_s));
  add("sequential-30", sequential(256_MiB, 30_MB_per_s));
  add("sequential-80", sequential(512_MiB, 80_MB_per_s));
  add("hot-and-cold-2", hot_and_cold(16_MiB, 256_MiB, 2_MB_per_s));
  add("hot-and-cold-20", hot_and_cold(32_MiB, 512_MiB, 20_MB_per_s));
  add("hopeless", uniform(768_MiB, 2000_MB_per_s));
  for (const BytesPerSecond rate : {40_MB_per_s, 100_MB_per_s, 500_MB_per_s}) {
    suite.links.push_back({rate, {}});
  }
  suite.intents = {{"300 ms", intent(Seconds(0.3), Seconds(120), false)},
                   {"100 ms", intent(Seconds(0.1), Seconds(120), false)},
                   {"300 ms, no post-copy", intent(Seconds(0.3), Seconds(120), true)},
                   {"1 s in a minute, no post-copy", intent(Seconds(1), Seconds(60), true)}};
  return suite;
}

Result<std::vector<SteeredRun>> run_steer_suite(const SteerSuite& suite,
                                                const std::function<void(double)>& on_done) {
  std::vector<SteeredRun> runs;
  Rng rng(suite.seed);
  const std::size_t all = suite.guests.size() * suite.links.size() * suite.intents.size() *
                          static_cast<std::size_t>(suite.repeats) * suite.laws.size();
  runs.reserve(all);
  for (const SteeredGuest& guest : suite.guests) {
    for (const Link& link : suite.links) {
      for (const SteeredIntent& intent : suite.intents) {
        for (int repeat = 0; repeat < suite.repeats; ++repeat) {
          GODWIT_TRY(const auto chances, twin::drawn_options({}, guest.profile, rng.next()));
          const Task task{guest.profile, link, intent.intent};
          for (const std::string& law : suite.laws) {
            GODWIT_TRY(MigrationOutcome outcome, move(task, law, chances));
            const bool kept = keeps(outcome, intent.intent);
            runs.push_back({law, guest.name, link.rate.value(), intent.name, repeat,
                            std::move(outcome), kept});
          }
          if (on_done) on_done(static_cast<double>(runs.size()) / static_cast<double>(all));
        }
      }
    }
  }
  return runs;
}

Result<std::vector<SteeredRun>> in_the_twin(std::span<const Trial> trials) {
  std::vector<SteeredRun> runs;
  for (const Trial& trial : trials) {
    if (!trial.record || !trial.record->profile) continue;
    const Cell& cell = trial.cell;
    GODWIT_TRY(const auto chances, twin::drawn_options({}, *trial.record->profile,
                                                       static_cast<std::uint64_t>(cell.repeat)));
    const Task task{*trial.record->profile, Link{cell.link, cell.round_trip}, intent_of(cell),
                    cell.technique, cell.parameters};
    GODWIT_TRY(MigrationOutcome outcome, move(task, cell.law, chances));
    runs.push_back(steered_run(cell, std::move(outcome)));
  }
  return runs;
}

}  // namespace godwit::bench
