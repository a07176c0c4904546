// A fault at a moment of a migration, on real QEMU, for every technique; and what the outcome says
// beside what is true. Prints one table. tools/sweep_faults builds and runs it.

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <limits>
#include <new>
#include <sstream>
#include <string>
#include <vector>

#include "godwit_program.h"
#include "qemu_pair.h"

namespace godwit::e2e {
namespace {

enum class Fault {
  kDestinationDies,
  kSourceDies,
  kStreamCut,
  kGodwitKilled,
  kDestinationsMonitorLost,
  kSourcesMonitorLost,
  kDestinationsMonitorMute,
  kSourcesMonitorMute,
};
enum class Moment { kEarly, kSwitchover, kPostcopy };

struct Run {
  Fault fault;
  std::string technique;
  Moment moment;
};

/// What one run came to. `wrong` is empty where all is well.
struct Row {
  std::string status = "-";
  std::string vm_runs_on = "-";
  std::string truth = "-";
  double two_ran_s = 0;
  std::string settings = "-";
  bool lost_unsaid = false;  ///< the guest runs nowhere, or dead, and the outcome claims otherwise
  std::string wrong;
};

constexpr const char* kLink = "20MB/s";
constexpr std::int64_t kEarlyBytes = 3'000'000;
constexpr int kDiskMiB = 24;
constexpr Seconds kMute{60};

const char* name(Fault fault) {
  switch (fault) {
    case Fault::kDestinationDies:
      return "destination's QEMU dies";
    case Fault::kSourceDies:
      return "source's QEMU dies";
    case Fault::kStreamCut:
      return "stream cut";
    case Fault::kGodwitKilled:
      return "Godwit killed, then `recover`";
    case Fault::kDestinationsMonitorLost:
      return "destination's monitor lost";
    case Fault::kSourcesMonitorLost:
      return "source's monitor lost";
    case Fault::kDestinationsMonitorMute:
      return "destination's monitor mute for 60 s";
    case Fault::kSourcesMonitorMute:
      return "source's monitor mute for 60 s";
  }
  return "";
}

const char* name(Moment moment) {
  switch (moment) {
    case Moment::kEarly:
      return "after 3 MB";
    case Moment::kSwitchover:
      return "at the switchover";
    case Moment::kPostcopy:
      return "in post-copy";
  }
  return "";
}

bool takes_disks(const Run& run) {
  return run.technique.find("+storage") != std::string::npos;
}

bool is_any(const std::string& word, const std::vector<std::string>& of) {
  return std::find(of.begin(), of.end(), word) != of.end();
}

/// Slow ones first, so that quick ones fill the gaps at the end.
std::vector<Run> all_runs() {
  using enum Fault;
  std::vector<Run> runs;
  for (const Fault fault : {kDestinationsMonitorMute, kSourcesMonitorMute, kDestinationsMonitorLost,
                            kSourcesMonitorLost}) {
    for (const char* technique : {"precopy", "stop-and-copy", "postcopy", "precopy+storage"}) {
      runs.push_back({fault, technique, Moment::kEarly});
    }
  }
  runs.push_back({kDestinationsMonitorLost, "stop-and-copy", Moment::kSwitchover});
  runs.push_back({kSourcesMonitorLost, "stop-and-copy", Moment::kSwitchover});
  runs.push_back({kDestinationsMonitorLost, "postcopy", Moment::kPostcopy});
  runs.push_back({kSourcesMonitorLost, "hybrid", Moment::kPostcopy});
  for (const Fault fault : {kDestinationDies, kSourceDies, kStreamCut, kGodwitKilled}) {
    for (const char* technique : {"precopy", "auto-converge", "xbzrle", "multifd", "hybrid",
                                  "stop-and-copy", "precopy+storage", "multifd+storage"}) {
      runs.push_back({fault, technique, Moment::kEarly});
    }
    for (const char* technique : {"stop-and-copy", "precopy", "precopy+storage"}) {
      runs.push_back({fault, technique, Moment::kSwitchover});
    }
    for (const char* technique : {"postcopy", "hybrid", "postcopy+storage"}) {
      runs.push_back({fault, technique, Moment::kPostcopy});
    }
  }
  return runs;
}

/// One run, from its pair's start to the truth.
class Trial {
 public:
  explicit Trial(const Run& run) : run_(run), pair_(setup()) {
    pair_.wire().throttle(25e6);
    for (const char* home : {"XDG_STATE_HOME", "XDG_DATA_HOME"}) {
      ::setenv(home, folder_.file(home).c_str(), 1);
    }
    if (at_source(run.fault)) monitor_ = &pair_.forward_monitor(Side::kSource);
    if (at_destination(run.fault)) monitor_ = &pair_.forward_monitor(Side::kDestination);
  }

  Row go() {
    GodwitProgram godwit(words());
    await_moment(godwit);
    strike(godwit);
    const Finished finished = godwit.wait();
    if (run_.fault == Fault::kGodwitKilled) {
      settle({"active", "setup", "device", "postcopy-active", "cancelling"});
      take_recovery(run_godwit({"recover", "--json"}));
    } else {
      take_outcome(finished);
    }
    settle({"active", "setup", "device", "postcopy-active", "cancelling", "pre-switchover"});
    find_truth();
    judge();
    return row_;
  }

 private:
  static bool at_source(Fault fault) {
    return fault == Fault::kSourcesMonitorLost || fault == Fault::kSourcesMonitorMute;
  }
  static bool at_destination(Fault fault) {
    return fault == Fault::kDestinationsMonitorLost || fault == Fault::kDestinationsMonitorMute;
  }

  PairSetup setup() {
    PairSetup setup;
    setup.between = Between::kForwarder;
    setup.load = "memory-write,set=16MiB,rate=3MB/s,fill=40MiB";
    if (!takes_disks(run_)) return setup;
    for (const char* side : {"src.img", "dst.img"}) {
      std::ofstream(folder_.file(side)) << std::string(std::size_t{kDiskMiB} << 20, side[0]);
    }
    const std::string drive = "if=virtio,format=raw,id=disk0,file=";
    setup.source = {"-drive", drive + folder_.file("src.img")};
    setup.destination = {"-drive", drive + folder_.file("dst.img")};
    return setup;
  }

  [[nodiscard]] std::vector<std::string> words() const {
    return {"migrate",    pair_.source(), pair_.destination(), "--json", "--recover-for",
            "30s",        "--technique",  run_.technique,      "--link", kLink,
            "--max-time", "120s",         "--no-profile"};
  }

  void await_moment(const GodwitProgram& godwit) {
    pair_.await(name(run_.moment), [&] {
      if (godwit.ended()) throw std::runtime_error("it ended before its moment");
      return has_come();
    });
  }
  bool has_come() {
    switch (run_.moment) {
      case Moment::kSwitchover:
        return pair_.watch().count(Side::kSource, "STOP") > 0;
      case Moment::kPostcopy:
        return pair_.migration(Side::kSource) == "postcopy-active";
      case Moment::kEarly:
        break;
    }
    const bool mirrors = takes_disks(run_);
    const auto seen = pair_.try_ask(Side::kSource, mirrors ? "query-block-jobs" : "query-migrate");
    if (!seen) return false;
    if (mirrors) return !seen->empty() && seen->at(0).at("offset") >= kEarlyBytes;
    return seen->contains("ram") && seen->at("ram").at("transferred") >= kEarlyBytes;
  }

  void strike(const GodwitProgram& godwit) {
    switch (run_.fault) {
      case Fault::kDestinationDies:
        return pair_.kill(Side::kDestination);
      case Fault::kSourceDies:
        return pair_.kill(Side::kSource);
      case Fault::kStreamCut:
        return pair_.wire().cut();
      case Fault::kGodwitKilled:
        return godwit.signal(SIGKILL);
      case Fault::kDestinationsMonitorLost:
      case Fault::kSourcesMonitorLost:
        return monitor_->kill();
      case Fault::kDestinationsMonitorMute:
      case Fault::kSourcesMonitorMute:
        break;
    }
    monitor_->mute(true, true);
    (void)clock_.wait_until(clock_.now() + kMute, {});
    monitor_->mute(false, false);
  }

  void take_outcome(const Finished& finished) {
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
  void take_recovery(const Finished& finished) {
    const Json json = finished.json();
    said_ = finished.out + finished.err;
    if (!json.is_object() || !json.contains("vms") || json.at("vms").empty()) {
      row_.wrong = fmt::format("recover knows of no VM: {}", said_);
      return;
    }
    row_.status = "recovered";
    row_.vm_runs_on = json.at("vms").at(0).at("runs_on");
  }

  /// Until neither side is in one of these states; those that stay in one are judged as they are.
  void settle(const std::vector<std::string>& moving) {
    const TimePoint give_up = clock_.now() + Seconds(60);
    pair_.await("rest", [&] {
      return (!is_any(pair_.migration(Side::kSource), moving) &&
              !is_any(pair_.migration(Side::kDestination), moving)) ||
             clock_.now() > give_up;
    });
  }

  void find_truth() {
    const bool here = pair_.state(Side::kSource) == "running";
    const bool there = pair_.state(Side::kDestination) == "running";
    const bool split = pair_.migration(Side::kSource) == "postcopy-paused" ||
                       pair_.migration(Side::kDestination) == "postcopy-paused";
    row_.two_ran_s = pair_.watch().two_ran().count();
    row_.truth = split           ? "split"
                 : here && there ? "both"
                 : here          ? "source"
                 : there         ? "destination"
                                 : "nobody";
    if (row_.truth == "source" || row_.truth == "destination") {
      const Side side = here ? Side::kSource : Side::kDestination;
      if (!pair_.works_beyond(side, pair_.work(side))) row_.truth += ", dead";
    }
    row_.settings = "as before";
    for (const Side side : {Side::kSource, Side::kDestination}) {
      if (is_any(pair_.state(side), {"gone", "silent"})) continue;
      if (pair_.possessions(side) != pair_.possessed(side)) row_.settings = "LEFT";
    }
    if (row_.settings == "LEFT" && (admits_ || said_.find("setting") != std::string::npos)) {
      row_.settings = "left, said";
    }
  }

  void judge() {
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
    if (row_.settings == "LEFT") row_.wrong = "settings were left without a word";
    if (!row_.wrong.empty()) row_.wrong += ": " + said_;
  }

  Run run_;
  RealClock clock_;
  TemporaryFolder folder_;
  QemuPair pair_;
  Forwarder* monitor_ = nullptr;
  std::string said_;
  bool admits_ = false;
  Row row_;
};

Row tried(const Run& run) {
  try {
    return Trial(run).go();
  } catch (const std::exception& e) {
    Row row;
    row.wrong = e.what();
    return row;
  }
}

std::string line_of(const Run& run, const Row& row) {
  return fmt::format("| {} | {} | {} | {} | {} | {} | {:.3f} | {} |", name(run.fault),
                     run.technique, name(run.moment), row.status, row.vm_runs_on, row.truth,
                     row.two_ran_s, row.settings);
}

/// The next run that nobody has taken; past the end once somebody pressed Ctrl-C.
std::atomic<std::size_t>* next_run = nullptr;
extern "C" void take_no_more(int) {
  *next_run = std::numeric_limits<std::size_t>::max() / 2;
}

/// Several runs at once, each worker a process of its own, so that each has an environment.
class Sweep {
 public:
  Sweep(std::vector<Run> runs, int workers) : runs_(std::move(runs)), workers_(workers) {
    void* shared = ::mmap(nullptr, sizeof(std::atomic<std::size_t>), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) throw std::runtime_error("no shared memory");
    next_run = new (shared) std::atomic<std::size_t>{0};
    (void)std::signal(SIGINT, take_no_more);  // the workers' too: those under way end in order
  }

  int go() {
    for (int i = 0; i < workers_; ++i) {
      const pid_t pid = ::fork();
      if (pid == 0) work();
    }
    while (::wait(nullptr) > 0 || errno == EINTR) {
    }
    return print();
  }

 private:
  [[noreturn]] void work() {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (std::size_t i = 0; (i = (*next_run)++) < runs_.size();) {
      const Row row = tried(runs_[i]);
      std::ofstream(folder_.file(std::to_string(i)))
          << Json{line_of(runs_[i], row), row.two_ran_s, row.wrong, row.lost_unsaid}.dump();
      std::cerr << fmt::format("{}/{} {}\n", i + 1, runs_.size(), line_of(runs_[i], row));
      if (!row.wrong.empty()) std::cerr << "  wrong: " << row.wrong << std::endl;
    }
    ::_exit(0);
  }

  int print() const {
    std::cout << "| fault | technique | moment | status | `vm_runs_on` | truth | seconds in which "
                 "two ran | settings |\n|---|---|---|---|---|---|---|---|\n";
    double two_s = 0;
    int lost = 0;
    int wrong = 0;
    std::size_t missing = 0;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      std::ifstream in(folder_.file(std::to_string(i)));
      const Json row = Json::parse(in, nullptr, false);
      if (!row.is_array()) {
        ++missing;
        continue;
      }
      std::cout << row.at(0).get<std::string>() << "\n";
      two_s += row.at(1).get<double>();
      if (!row.at(2).get<std::string>().empty()) ++wrong;
      if (row.at(3).get<bool>()) ++lost;
    }
    std::cout << fmt::format(
        "\n{} runs: {:g} s in which two ran, {} guests lost without the outcome saying so; "
        "{} rows wrong, {} not run.\n",
        runs_.size() - missing, two_s, lost, wrong, missing);
    return wrong == 0 && missing == 0 ? 0 : 1;
  }

  std::vector<Run> runs_;
  int workers_;
  TemporaryFolder folder_;
};

}  // namespace
}  // namespace godwit::e2e

/// sweep_faults [WORKERS [WORD]]: only runs whose line has that word in it.
int main(int argc, char** argv) {
  using namespace godwit::e2e;
  if (::geteuid() != 0) {
    std::cerr << "the sweep lays networks of its own: run it as root\n";
    return 3;
  }
  std::vector<Run> runs = all_runs();
  const std::string word = argc > 2 ? argv[2] : "";
  std::erase_if(runs,
                [&](const Run& run) { return line_of(run, {}).find(word) == std::string::npos; });
  return Sweep(std::move(runs), argc > 1 ? std::max(1, std::atoi(argv[1])) : 2).go();
}
