#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.h"
#include "godwit/engine/engine.h"
#include "godwit/lab/lab.h"
#include "godwit/terminal/options.h"
#include "godwit/terminal/output.h"

namespace godwit::cli {
namespace {

Json json_of(const engine::RecoveredVm& one) {
  return Json{{"vm", one.vm},
              {"destination", one.destination},
              {"runs_on", to_string(one.found.runs_on)},
              {"was", one.found.was},
              {"given_back", one.found.given_back},
              {"finished", one.found.finished},
              {"what_to_do", one.found.what_to_do}};
}

std::string text_of(const engine::RecoveredVm& one) {
  std::string text = fmt::format("{} -> {}: {}\n  the VM runs on: {}", one.vm, one.destination,
                                 one.found.was, to_string(one.found.runs_on));
  if (!one.found.given_back.empty()) {
    text += fmt::format("\n  given back: {}", fmt::join(one.found.given_back, ", "));
  }
  if (!one.found.what_to_do.empty()) text += "\n  to do: " + one.found.what_to_do;
  return text;
}

int recover(const std::string& lab, terminal::Context& context) {
  const auto all = terminal::open_engine(context, lab).recover();
  if (!all) return context.out.error(all.error());
  Json vms = Json::array();
  for (const engine::RecoveredVm& one : *all) {
    context.out.say(text_of(one));
    vms.push_back(json_of(one));
  }
  if (all->empty()) context.out.say("nothing to recover: every migration was ended by its godwit");
  context.out.result(Json{{"vms", std::move(vms)}});
  const bool done = std::all_of(all->begin(), all->end(),
                                [](const engine::RecoveredVm& one) { return one.found.finished; });
  return done ? terminal::kDone : terminal::kFailed;
}

}  // namespace

void add_recover(terminal::Command& app, terminal::Chosen& chosen) {
  auto lab = std::make_shared<std::string>(lab::kDefaultLab);
  terminal::Command* command =
      app.add_subcommand("recover",
                         "after a crash: where each VM runs that a godwit was "
                         "moving; gives back what it had borrowed");
  terminal::add_lab_name(*command, *lab);
  terminal::add_examples(*command, {"godwit recover", "godwit recover --json"});
  command->callback([&chosen, lab] {
    chosen.action = [lab](terminal::Context& context) { return recover(*lab, context); };
  });
}

}  // namespace godwit::cli
