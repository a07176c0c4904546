#include "trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace godwit::e2e {
namespace {

/// Sent before it counts as under way.
constexpr std::int64_t kEarlyBytes = 3'000'000;

}  // namespace

void Trial::strike(GodwitProgram& godwit) {
  switch (run_.fault) {
    case Fault::kDestinationDies:
      return pair_->kill(Side::kDestination);
    case Fault::kSourceDies:
      return pair_->kill(Side::kSource);
    case Fault::kGodwitKilled:
      return godwit.signal(SIGKILL);
    default:
      throw std::logic_error(std::string("nobody strikes so here: ") + name(run_.fault));
  }
}

bool Trial::sends_memory() {
  const auto seen = pair_->try_ask(Side::kSource, "query-migrate");
  return seen && seen->contains("ram") && seen->at("ram").at("transferred") >= kEarlyBytes;
}

bool Trial::mirrors() {
  const auto jobs = pair_->try_ask(Side::kSource, "query-block-jobs");
  return jobs && !jobs->empty() && jobs->at(0).at("offset") >= kEarlyBytes;
}

bool Trial::is_any(const std::string& word, const std::vector<std::string>& of) {
  return std::find(of.begin(), of.end(), word) != of.end();
}

void Trial::start(const PairSetup& setup) {
  pair_ = std::make_unique<QemuPair>(setup);
  for (const char* home : {"XDG_STATE_HOME", "XDG_DATA_HOME"}) {
    ::setenv(home, folder_.file(home).c_str(), 1);
  }
}

Row Trial::go() {
  GodwitProgram godwit(words());
  await_moment(godwit);
  strike(godwit);
  follow(godwit);
  settle();
  find_truth();
  look_at_disks();
  judge();
  return row_;
}

void Trial::follow(GodwitProgram& godwit) {
  const Finished finished = godwit.wait();
  if (run_.fault == Fault::kGodwitKilled) {
    settle();
    (void)recover();
  } else {
    take_outcome(finished);
  }
}

/// However busy the machine is: Godwit itself ends where it takes too long.
void Trial::await_moment(GodwitProgram& godwit) {
  while (!has_come()) {
    if (godwit.ended()) throw std::runtime_error("it ended before its moment");
    rest(Seconds(0.005));
  }
}

void Trial::take_outcome(const Finished& finished) {
  const Json json = finished.json();
  said_ = finished.out + finished.err;
  if (!json.is_object() || !json.contains("outcome")) {
    row_.wrong = fmt::format("no outcome, exit status {}: {}", finished.status, said_);
    return;
  }
  const Json& outcome = json.at("outcome");
  row_.status = outcome.at("status");
  row_.vm_runs_on = outcome.at("vm_runs_on");
  admits_ = outcome.value("given_back", true) == false;
}

bool Trial::recover() {
  const Finished finished = run_godwit({"recover", "--json"});
  const Json json = finished.json();
  said_ = finished.out + finished.err;
  if (!json.is_object() || !json.contains("vms") || json.at("vms").empty()) {
    row_.wrong = fmt::format("recover knows of no VM: {}", said_);
    return true;
  }
  row_.status = "recovered";
  row_.vm_runs_on = json.at("vms").at(0).at("runs_on");
  return finished.status == 0;
}

void Trial::settle(Seconds most) {
  const std::vector<std::string> moving{"active", "setup", "device", "postcopy-active",
                                        "cancelling"};
  const TimePoint give_up = clock_.now() + most;
  pair_->await("rest", [&] {
    return (!is_any(pair_->migration(Side::kSource), moving) &&
            !is_any(pair_->migration(Side::kDestination), moving)) ||
           clock_.now() > give_up;
  });
}

void Trial::find_truth() {
  const bool here = pair_->state(Side::kSource) == "running";
  const bool there = pair_->state(Side::kDestination) == "running";
  const bool split = pair_->migration(Side::kSource) == "postcopy-paused" ||
                     pair_->migration(Side::kDestination) == "postcopy-paused";
  row_.two_ran_s = pair_->watch().two_ran().count();
  row_.truth = split           ? "split"
               : here && there ? "both"
               : here          ? "source"
               : there         ? "destination"
                               : "nobody";
  if (row_.truth == "source" || row_.truth == "destination") {
    const Side side = here ? Side::kSource : Side::kDestination;
    if (!pair_->works_beyond(side, pair_->work(side))) row_.truth += ", dead";
  }
  look_at_settings();
}

/// QEMU may die when it is asked for its block nodes while a job fetches (docs/adr/0012).
void Trial::look_at_settings() {
  row_.settings = "as before";
  for (const Side side : {Side::kSource, Side::kDestination}) {
    if (is_any(pair_->state(side), {"gone", "silent"})) continue;
    if (!pair_->ask(side, "query-block-jobs").empty() ||
        pair_->possessions(side) != pair_->possessed(side)) {
      row_.settings = "LEFT";
    }
  }
  if (row_.settings == "LEFT" && (admits_ || said_.find("setting") != std::string::npos)) {
    row_.settings = "left, said";
  }
  if (const std::string lent = still_lent(); !lent.empty()) row_.settings = "LEFT: " + lent;
}

void Trial::judge() {
  if (!row_.wrong.empty()) {
    row_.lost_unsaid = row_.truth != "source" && row_.truth != "destination";
    return;
  }
  const std::string& says = row_.vm_runs_on;
  const bool true_word = says == "unknown" || says == row_.truth ||
                         (says == "both_paused" && is_any(row_.truth, {"split", "nobody"}));
  if (row_.two_ran_s > 0 || row_.truth == "both") row_.wrong = "two ran";
  if (!true_word) row_.wrong = "the outcome is not true";
  row_.lost_unsaid = !true_word && row_.truth != "source" && row_.truth != "destination";
  if (row_.settings.starts_with("LEFT")) row_.wrong = "settings were left without a word";
  if (!is_any(row_.truth, {"source", "destination"}) && !may_lose_guest()) {
    row_.wrong = "the guest was lost";
  }
  if (row_.disks.find("DIFFER") != std::string::npos) row_.wrong = "the disks differ";
  if (!row_.wrong.empty()) row_.wrong += ": " + said_;
}

}  // namespace godwit::e2e
