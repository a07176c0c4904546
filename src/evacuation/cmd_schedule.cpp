#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

#include "godwit/base/rng.h"
#include "godwit/evacuation/commands.h"
#include "godwit/schedule/plan.h"
#include "godwit/store/gzip.h"
#include "godwit/terminal/shipped_files.h"
#include "godwit/terminal/table.h"

/// `schedule`: plans of many migrations, from instances of a file. Nothing is moved.

namespace godwit::evacuation {
namespace {

using schedule::Instance;
using schedule::Plan;

/// The same file gives the same plans.
constexpr std::uint64_t kSeed = 1;

Result<std::string> read_lines(const std::string& file) {
  GODWIT_TRY(std::string text,
             terminal::read_text(file, "name a file with one JSON object a line"));
  constexpr std::string_view kGzipMagic = "\x1f\x8b";  // RFC 1952
  if (std::string_view(text).substr(0, 2) == kGzipMagic) return store::read_gzip(file);
  return text;
}

/// Names that are numbers are numbers in public instances.
Json name_json(const std::string& name) {
  const bool number =
      !name.empty() && name.size() < 16 &&
      std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  return number ? Json(std::stoll(name)) : Json(name);
}

Json json_of(const Instance& instance, const Plan& plan, Seconds planning) {
  const schedule::Problem& problem = instance.problem;
  Json moves = Json::array();
  for (const schedule::Move& move : plan.moves) {
    moves.push_back({{"vm", name_json(problem.vms[move.vm].name)},
                     {"from", name_json(problem.hosts[move.from].name)},
                     {"to", name_json(problem.hosts[move.to].name)},
                     {"start_s", move.start.count()},
                     {"end_s", move.end.count()},
                     {"rate_mbit_per_s", move.rate.value() * 8 / 1e6}});
  }
  Json blockers = Json::array();
  for (const schedule::Blocker& blocker : plan.blockers) {
    blockers.push_back({{"vm", name_json(problem.vms[blocker.vm].name)},
                        {"reason", blocker.why},
                        {"what_to_do", blocker.what_to_do}});
  }
  return Json{{"kind", instance.kind},
              {"scale", instance.scale},
              {"number", instance.number},
              {"makespan_s", plan.makespan.count()},
              {"lower_bound_s", plan.lower_bound.count()},
              {"plan_ms", Milliseconds(planning).count()},
              {"finish_s",
               {{"p50", plan.finish.p50.count()},
                {"p05", plan.finish.p05.count()},
                {"p95", plan.finish.p95.count()}}},
              {"moves", std::move(moves)},
              {"blockers", std::move(blockers)}};
}

std::vector<std::string> row_of(const Instance& instance, const Plan& plan, Seconds planning) {
  const double ratio = plan.lower_bound > Seconds(0) ? plan.makespan / plan.lower_bound : 1;
  return {fmt::format("{} {} {}", instance.kind, instance.scale, instance.number),
          std::to_string(instance.problem.vms.size()),
          std::to_string(plan.moves.size()),
          fmt::format("{:.1f} s", plan.makespan.count()),
          fmt::format("{:.1f} … {:.1f} s", plan.finish.p05.count(), plan.finish.p95.count()),
          fmt::format("{:.3f}", ratio),
          fmt::format("{:.1f} ms", Milliseconds(planning).count()),
          std::to_string(plan.blockers.size())};
}

std::string blockers_text(const Instance& instance, const Plan& plan) {
  std::string text;
  for (const schedule::Blocker& blocker : plan.blockers) {
    text += fmt::format("\n{} {} {}: VM {} can't move: {}; {}", instance.kind, instance.scale,
                        instance.number, instance.problem.vms[blocker.vm].name, blocker.why,
                        blocker.what_to_do);
  }
  return text;
}

/// Plans all lines; exit status 1 where a VM is blocked.
Result<int> plan_all(const std::string& file, terminal::Context& context) {
  GODWIT_TRY(const std::string text, read_lines(file));
  context.out.begin_stream();
  terminal::Table table({"instance", "VMs", "moves", "makespan", "90 % of runs end in",
                         "of lower bound", "planned in", "blocked"});
  std::string blocked;
  std::size_t number = 0;
  const schedule::TransferModel model = schedule::usual_transfer_model();
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (context.stop.stop_requested()) {
      return fail(ErrorCode::kInterrupted, "stopped; the plans made so far stand");
    }
    const std::string where = fmt::format("reading line {} of {}", number, file);
    auto instance = schedule::read_instance(line);
    if (!instance) return fail(instance.error().while_doing(where));
    Rng rng(kSeed);
    const TimePoint start = context.clock.now();
    const auto plan = schedule::make_plan(instance->problem, model, rng);
    const Seconds planning = context.clock.now() - start;
    if (!plan) return fail(plan.error().while_doing(where));
    context.out.line(json_of(*instance, *plan, planning));
    table.add(row_of(*instance, *plan, planning));
    blocked += blockers_text(*instance, *plan);
  }
  if (!context.out.lines()) context.out.say(table.text() + blocked);
  return blocked.empty() ? terminal::kDone : terminal::kFailed;
}

}  // namespace

void add_schedule(terminal::Command& app, terminal::Chosen& chosen) {
  auto file = std::make_shared<std::string>();
  terminal::Command* command = app.add_subcommand(
      "schedule", "plans many migrations at once: in which order, where to, at which rate");
  command
      ->add_option("FILE", *file,
                   "instances, a JSON object a line, plain or gzipped (docs/scheduling.md); with "
                   "--json, or where stdout is no terminal, a plan a line")
      ->required();
  terminal::add_examples(
      *command, {"godwit schedule instances.jsonl", "godwit schedule fleet.jsonl.gz --json"});
  command->callback([&chosen, file] {
    chosen.action = [file](terminal::Context& context) {
      auto done = plan_all(*file, context);
      if (done) return *done;
      if (done.error().what_to_do.empty()) {
        done.error().what_to_do = "see docs/scheduling.md for the form of an instance";
      }
      return context.out.error(done.error());
    };
  });
}

}  // namespace godwit::evacuation
