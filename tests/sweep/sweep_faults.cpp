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
#include "run.h"

namespace godwit::e2e {

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
    case Fault::kLinkCutAndBack:
      return "link cut for 5 s";
    case Fault::kLinkCut:
      return "link cut";
    case Fault::kDiskFull:
      return "destination's disk full";
    case Fault::kLinkDeadAndBack:
      return "link dead for 15 s";
    case Fault::kOutOfMemory:
      return "destination out of memory";
    case Fault::kRelayKilled:
      return "relay killed, then `recover`";
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
    case Moment::kCopying:
      return "copying disks";
    case Moment::kMemory:
      return "copying memory";
    case Moment::kRest:
      return "fetching the rest";
    case Moment::kSteered:
      return "slowed down, or limit raised";
  }
  return "";
}

namespace {

std::string technique_of(const Run& run) {
  if (!run.law.empty()) return fmt::format("{}, law {}", run.technique, run.law);
  if (!run.disk) return run.technique;
  return fmt::format("{}, S = {:g}, {}", run.technique, run.disk->share, run.disk->format);
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

/// Every fault at every step of a share's way, but for what can't be: without a share beforehand no
/// disk is copied, and without one afterwards there is no rest.
std::vector<Run> all_share_runs() {
  using enum Fault;
  const auto can_be = [](Fault fault, Moment moment, double share) {
    if (moment == Moment::kCopying && share == 0) return false;
    if (moment == Moment::kRest && share == 1) return false;
    if (fault == kLinkCutAndBack) return moment != Moment::kSwitchover;
    if (fault == kLinkCut || fault == kDiskFull) {
      return moment == Moment::kCopying || moment == Moment::kRest;
    }
    return true;
  };
  std::vector<Run> runs;
  for (const Fault fault :
       {kLinkCut, kLinkCutAndBack, kSourceDies, kDestinationDies, kDiskFull, kGodwitKilled}) {
    for (const Moment moment :
         {Moment::kCopying, Moment::kMemory, Moment::kSwitchover, Moment::kRest}) {
      for (const double share : {0.0, 0.25, 1.0}) {
        for (const char* format : {"raw", "qcow2"}) {
          if (can_be(fault, moment, share)) {
            runs.push_back({fault, "precopy+storage", moment, DiskShare{share, format}});
          }
        }
      }
    }
  }
  return runs;
}

/// What a law does is where its faults are: those that only slow down or raise limits do so long
/// before the switchover; the others act at once (`godwit`), or late, and by post-copy.
std::vector<Run> all_law_runs() {
  using enum Fault;
  const auto acts_early = [](std::string_view law) {
    return law == "jin" || law == "auto-converge" || law == "proxmox";
  };
  std::vector<Run> runs;
  const auto add = [&runs](Fault fault, const char* law, Moment moment) {
    runs.push_back({fault, "precopy", moment, {}, law});
  };
  for (const char* law : {"kubevirt-stall", "godwit"}) {
    for (const Fault fault : {kDestinationDies, kSourceDies, kStreamCut, kLinkDeadAndBack,
                              kOutOfMemory, kRelayKilled, kGodwitKilled}) {
      add(fault, law, Moment::kPostcopy);
    }
  }
  for (const char* law : {"kubevirt-stall", "proxmox", "auto-converge", "jin", "godwit"}) {
    for (const Fault fault : {kDestinationDies, kSourceDies, kStreamCut, kLinkDeadAndBack,
                              kRelayKilled, kGodwitKilled}) {
      add(fault, law, acts_early(law) ? Moment::kSteered : Moment::kEarly);
    }
    // later all of the guest's memory is there already
    add(kOutOfMemory, law, Moment::kEarly);
    if (law == std::string_view("kubevirt-stall")) continue;
    for (const Fault fault : {kDestinationDies, kStreamCut, kGodwitKilled}) {
      add(fault, law, Moment::kSwitchover);
    }
  }
  return runs;
}

Row tried(const Run& run) {
  try {
    if (!run.law.empty()) return try_by_law(run);
    return run.disk ? try_with_share(run) : try_by_stream(run);
  } catch (const std::exception& e) {
    Row row;
    row.wrong = e.what();
    return row;
  }
}

std::string line_of(const Run& run, const Row& row) {
  return fmt::format("| {} | {} | {} | {} | {} | {} | {:.3f} | {} | {} |", name(run.fault),
                     technique_of(run), name(run.moment), row.status, row.vm_runs_on, row.truth,
                     row.two_ran_s, row.settings, row.disks);
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
                 "two ran | settings | disks |\n|---|---|---|---|---|---|---|---|---|\n";
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
  for (const auto& more : {all_share_runs(), all_law_runs()}) {
    runs.insert(runs.end(), more.begin(), more.end());
  }
  const std::string word = argc > 2 ? argv[2] : "";
  std::erase_if(runs,
                [&](const Run& run) { return line_of(run, {}).find(word) == std::string::npos; });
  return Sweep(std::move(runs), argc > 1 ? std::max(1, std::atoi(argv[1])) : 2).go();
}
