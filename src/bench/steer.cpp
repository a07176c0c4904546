#include "godwit/bench/steer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

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

/// The same chances for every law.
twin::SessionOptions chances(Rng& rng) {
  const twin::HostPairConstants pair;
  const auto within = [&rng](const auto& interval) {
    return interval.p05.count() + rng.uniform() * (interval.p95.count() - interval.p05.count());
  };
  twin::SessionOptions options;
  options.chance.speed = 1 + pair.rate_error.value() * (2 * rng.uniform() - 1);
  options.chance.phase = rng.uniform();
  options.chance.overhead = within(pair.overhead);
  options.chance.device_state = within(pair.device_state);
  options.chance.resume = within(pair.resume);
  options.chance.postcopy_stop = within(pair.postcopy_stop);
  options.chance.postcopy_resume = within(pair.postcopy_resume);
  options.curve = 2 * rng.uniform() - 1;
  return options;
}

bool keeps(const MigrationOutcome& outcome, const Intent& intent) {
  if (outcome.status != OutcomeStatus::kCompleted) return false;
  const auto within = [](const auto& value, const auto& most) {
    return !most || !value || *value <= *most;
  };
  return within(outcome.downtime.events, intent.max_downtime) &&
         within(outcome.total_time, intent.max_time);
}

/// One cell: every law on the same guest, link, intent and chances.
class Cell {
 public:
  Cell(const SteeredGuest& guest, const Link& link, const SteeredIntent& intent, int repeat)
      : guest_(guest), link_(link), intent_(intent), repeat_(repeat) {}

  Result<SteeredRun> run(const std::string& law_name, const twin::SessionOptions& chances) const {
    ManualClock clock;
    GODWIT_TRY(const auto session, twin::Session::make(clock, guest_.profile, link_, chances));
    GODWIT_TRY(const auto law, steer::law_by_name(law_name, {&guest_.profile, link_, {}}));
    MigrationPlan plan;
    plan.intent = intent_.intent;
    plan.max_time = std::min(intent_.intent.max_time.value_or(kPatience), kPatience);
    plan.may_end_by_postcopy = !intent_.intent.no_postcopy;
    plan.parameters.max_bandwidth = link_.rate;
    law->shape(plan);
    control::RunOptions options;
    options.requested = {"precopy", law_name};
    SteeredRun run{law_name, guest_.name, link_.rate.value(), intent_.name, repeat_, {}, false};
    GODWIT_TRY(run.outcome, control::run_migration(clock, *session, plan, *law, {}, options, {}));
    run.kept = keeps(run.outcome, intent_.intent);
    return run;
  }

 private:
  const SteeredGuest& guest_;
  const Link& link_;
  const SteeredIntent& intent_;
  int repeat_;
};

using CellKey = std::tuple<std::string, double, std::string, int>;
CellKey key_of(const SteeredRun& run) {
  return {run.guest, run.link_bytes_per_s, run.intent, run.repeat};
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
          const twin::SessionOptions options = chances(rng);
          const Cell cell(guest, link, intent, repeat);
          for (const std::string& law : suite.laws) {
            GODWIT_TRY(SteeredRun run, cell.run(law, options));
            runs.push_back(std::move(run));
          }
          if (on_done) on_done(static_cast<double>(runs.size()) / static_cast<double>(all));
        }
      }
    }
  }
  return runs;
}

std::vector<LawSummary> summed_up(const std::vector<SteeredRun>& runs) {
  std::map<CellKey, bool> possible;
  std::map<CellKey, double> auto_converge;
  for (const SteeredRun& run : runs) {
    possible[key_of(run)] = possible[key_of(run)] || run.kept;
    const bool completed = run.outcome.status == OutcomeStatus::kCompleted;
    if (run.law == "auto-converge" && completed) {
      auto_converge[key_of(run)] = run.outcome.total_time->count();
    }
  }
  std::vector<LawSummary> laws;
  std::map<std::string, std::vector<double>> ratios;
  std::map<std::string, int> completed;
  for (const SteeredRun& run : runs) {
    auto known = std::find_if(laws.begin(), laws.end(),
                              [&](const LawSummary& one) { return one.law == run.law; });
    if (known == laws.end()) known = laws.insert(laws.end(), LawSummary{run.law});
    LawSummary& law = *known;
    ++law.runs;
    law.kept += run.kept ? 1 : 0;
    law.could += possible[key_of(run)] ? 1 : 0;
    law.endless += run.outcome.status == OutcomeStatus::kDidNotConverge ? 1 : 0;
    if (run.outcome.status != OutcomeStatus::kCompleted) continue;
    ++completed[run.law];
    const double total = run.outcome.total_time->count();
    law.total_s += total;
    law.downtime_ms += run.outcome.downtime.events.value_or(Seconds(0)).count() * 1e3;
    law.bytes += run.outcome.transferred.qemu.value_or(Bytes()).as_double();
    const auto other = auto_converge.find(key_of(run));
    if (other != auto_converge.end()) ratios[run.law].push_back(std::log(total / other->second));
  }
  for (LawSummary& law : laws) {
    const double n = std::max(completed[law.law], 1);
    law.total_s /= n;
    law.downtime_ms /= n;
    law.bytes /= n;
    const std::vector<double>& logs = ratios[law.law];
    double sum = 0;
    for (const double one : logs) sum += one;
    if (!logs.empty()) {
      law.against_auto_converge = std::exp(sum / static_cast<double>(logs.size()));
    }
  }
  return laws;
}

}  // namespace godwit::bench
