// How well it is foretold when a migration ends that virsh started: by `godwit watch`, and by
// libvirt's own figures, what remains ÷ the rate at which it is sent. Prints tables.
// tools/measure_eta builds and runs it; docs/libvirt.md keeps what it said.
//
// Two hosts of libvirt's, emulated guests. Each second, and when a round has ended, what watch says
// and what virsh domjobinfo says at that moment, both against the moment at which `virsh migrate`
// returned.

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/json.h"
#include "godwit/base/process.h"
#include "godwit/base/statistics.h"
#include "godwit/libvirt_lab/libvirt_lab.h"
#include "source_tree.h"

namespace godwit::e2e {
namespace {

using libvirt_lab::LibvirtLab;

constexpr const char* kDomain = "vm";
/// Nothing here takes longer; a migration that does would not end by itself.
constexpr Seconds kPatience{120};
constexpr Seconds kTick{0.02};

/// What guests do, all below the least bandwidth, so that each migration ends by itself.
constexpr std::array kLoads{"idle",
                            "memory-write,set=16MiB,rate=3MB/s,fill=64MiB",
                            "memory-write,set=48MiB,rate=8MB/s,fill=48MiB",
                            "memory-write,set=64MiB,rate=8MB/s,pattern=hot-cold,fill=32MiB",
                            "memory-write,set=64MiB,rate=8MB/s,pattern=sequential,fill=32MiB",
                            "memory-heap,set=48MiB,rate=6MB/s,fill=48MiB"};
/// Of the migration, MiB/s; each load gets each in turn.
constexpr std::array kBandwidths{"12", "20", "32"};

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Both forecasts of one moment, in seconds from then.
struct Moment {
  TimePoint at{};
  int round = 0;                   ///< that had just ended; 0: it is one of each second's
  std::optional<double> godwit{};  ///< the middle of its interval
  double low = 0;
  double high = 0;
  std::optional<double> libvirt{};
};

/// The same, beside what came.
struct Miss {
  double left = 0;  ///< until the end
  double done = 0;  ///< share of the migration's time that was over
  Moment said;
};

std::optional<double> number_in(const std::string& text, const std::string& key) {
  const std::size_t at = text.find(key + ": ");
  if (at == std::string::npos) return std::nullopt;
  return std::strtod(text.c_str() + at + key.size() + 2, nullptr);
}

/// What a person reckons by virsh domjobinfo.
std::optional<double> by_libvirt(const LibvirtLab& lab, std::size_t host) {
  const auto said = lab.virsh(host, {"domjobinfo", kDomain, "--rawstats"});
  if (!said || !said->well) return std::nullopt;
  const auto left = number_in(said->out, "memory_remaining");
  const auto rate = number_in(said->out, "memory_bps");
  if (!left || !rate || *rate <= 0) return std::nullopt;
  return *left / *rate;
}

Process start(const std::vector<std::string>& words) {
  const auto program = program_path(words.front());
  if (!program) throw std::runtime_error("no " + words.front());
  return must(Process::start({*program, words}));
}

/// The looks and the rounds in new lines of `godwit watch --json`; `read` is how much was read
/// before.
std::vector<Json> new_looks(const std::string& out, std::size_t& read) {
  std::vector<Json> looks;
  for (std::size_t end = out.find('\n', read); end != std::string::npos;
       end = out.find('\n', read)) {
    Json line = Json::parse(out.substr(read, end - read), nullptr, false);
    read = end + 1;
    const std::string event = line.is_object() ? line.value("event", "") : "";
    if (event == "look" || event == "round") looks.push_back(std::move(line));
  }
  return looks;
}

Moment moment_of(const Json& look, TimePoint at) {
  Moment moment{.at = at};
  if (const auto ended = look.find("ended"); ended != look.end()) {
    moment.round = ended->at("number").get<int>();
  }
  const Json& eta = look.at("eta_s");
  if (!eta.at("p50").is_null()) {
    moment.godwit = eta.at("p50").get<double>();
    moment.low = eta.at("p05").get<double>();
    moment.high = eta.at("p95").get<double>();
  }
  return moment;
}

/// One migration from that host to the other.
std::vector<Miss> watch_one(const LibvirtLab& lab, std::size_t from, const char* bandwidth) {
  RealClock clock;
  must(lab.virsh(from, {"migrate-setspeed", kDomain, bandwidth}));
  Process watching = start(
      {built_godwit(), "watch", "libvirt:" + lab.uri(from) + "#" + kDomain, "--wait", "--json"});
  const TimePoint begun = clock.now();
  Process migrating = start({"virsh", "-c", lab.uri(from), "migrate", "--live", "--p2p", kDomain,
                             lab.uri_from_afar(1 - from)});
  std::vector<Moment> moments;
  std::size_t read = 0;
  while (!migrating.end()) {
    if (clock.now() - begun > kPatience) throw std::runtime_error("it does not end");
    (void)watching.follow(clock, clock.now() + kTick, {});
    (void)migrating.follow(clock, clock.now(), {});
    for (const Json& look : new_looks(watching.out(), read)) {
      moments.push_back(moment_of(look, clock.now()));
      moments.back().libvirt = by_libvirt(lab, from);
    }
  }
  const TimePoint ended = clock.now();
  if (!migrating.end()->well()) throw std::runtime_error(migrating.err());
  (void)watching.follow(clock, clock.now() + kPatience, {});
  std::vector<Miss> errors;
  for (const Moment& one : moments) {
    errors.push_back({(ended - one.at).count(), (one.at - begun) / (ended - begun), one});
  }
  return errors;
}

double share_of(std::size_t some, std::size_t all) {
  return all == 0 ? 0 : 100.0 * static_cast<double>(some) / static_cast<double>(all);
}

/// A row: of the moments at which both said something, how far off they were.
void print_row(const std::string& name, const std::vector<Miss>& errors) {
  std::vector<double> godwit, libvirt, godwit_share, libvirt_share, godwit_total, libvirt_total;
  std::size_t held = 0;
  for (const Miss& one : errors) {
    if (!one.said.godwit || !one.said.libvirt || one.left <= 0) continue;
    godwit.push_back(std::abs(*one.said.godwit - one.left));
    libvirt.push_back(std::abs(*one.said.libvirt - one.left));
    godwit_share.push_back(100 * godwit.back() / one.left);
    libvirt_share.push_back(100 * libvirt.back() / one.left);
    const double total = one.left / (1 - one.done);
    godwit_total.push_back(100 * godwit.back() / total);
    libvirt_total.push_back(100 * libvirt.back() / total);
    held += one.said.low <= one.left && one.left <= one.said.high ? 1 : 0;
  }
  if (godwit.empty()) return;
  std::cout << fmt::format(
      "| {} | {} | {:.2f} | {:.2f} | {:.1f} | {:.1f} | {:.1f} | {:.1f} | {:.0f} |\n", name,
      godwit.size(), quantile(godwit, 0.5), quantile(libvirt, 0.5), quantile(godwit_total, 0.5),
      quantile(libvirt_total, 0.5), quantile(godwit_share, 0.5), quantile(libvirt_share, 0.5),
      share_of(held, godwit.size()));
}

/// Those that are wanted.
template <class Wanted>
std::vector<Miss> part_of(const std::vector<Miss>& all, const Wanted& wanted) {
  std::vector<Miss> part;
  for (const Miss& one : all) {
    if (wanted(one)) part.push_back(one);
  }
  return part;
}
std::vector<Miss> looks_of(const std::vector<Miss>& all, double from, double to) {
  return part_of(all, [from, to](const Miss& one) {
    return one.said.round == 0 && one.done >= from && one.done < to;
  });
}
std::vector<Miss> after_round(const std::vector<Miss>& all, int round) {
  return part_of(all, [round](const Miss& one) { return one.said.round == round; });
}

void print_tables(const std::vector<Miss>& all,
                  const std::vector<std::pair<std::string, std::vector<Miss>>>& by_load) {
  std::cout << "Medians of errors: of the whole time, and of what was left.\n\n"
            << "| of the moments | moments | godwit: s | libvirt: s | godwit: % of all | "
               "libvirt: % of all | godwit: % of the rest | libvirt: % of the rest | "
               "within godwit's 90 %: % |\n|---|---|---|---|---|---|---|---|---|\n";
  print_row("after round 1", after_round(all, 1));
  print_row("after round 2", after_round(all, 2));
  for (const auto& [load, errors] : by_load) {
    print_row(fmt::format("after round 1: `{}`", load), after_round(errors, 1));
  }
  print_row("each second", looks_of(all, 0, 1));
  print_row("each second of the first third", looks_of(all, 0, 1.0 / 3));
  print_row("each second of the second third", looks_of(all, 1.0 / 3, 2.0 / 3));
  print_row("each second of the last third", looks_of(all, 2.0 / 3, 1));
}

void run(std::size_t each, const std::string& word) {
  RealClock clock;
  std::vector<Miss> all;
  std::vector<std::pair<std::string, std::vector<Miss>>> by_load;
  std::size_t migrations = 0;
  for (const std::string load : kLoads) {
    if (load.find(word) == std::string::npos) continue;
    const auto lab = must(LibvirtLab::up(clock, 2, {}));
    must(lab->start_domain(0, {.name = kDomain, .load = load}, {}));
    auto& errors = by_load.emplace_back(load, std::vector<Miss>()).second;
    for (std::size_t i = 0; i < each; ++i, ++migrations) {
      const auto more = watch_one(*lab, i % 2, kBandwidths[i % kBandwidths.size()]);
      errors.insert(errors.end(), more.begin(), more.end());
    }
    all.insert(all.end(), errors.begin(), errors.end());
  }
  std::cout << migrations << " migrations\n\n";
  print_tables(all, by_load);
}

}  // namespace
}  // namespace godwit::e2e

int main(int argc, char** argv) {
  try {
    const int each = argc > 1 ? std::atoi(argv[1]) : 5;
    if (each <= 0) throw std::runtime_error("usage: measure_eta [RUNS_OF_EACH_LOAD [WORD]]");
    godwit::e2e::run(static_cast<std::size_t>(each), argc > 2 ? argv[2] : "");
  } catch (const std::exception& problem) {
    std::cerr << "measure_eta: " << problem.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
