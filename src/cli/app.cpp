#include "godwit/cli/app.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <string_view>

#include "command.h"
#include "godwit/base/log.h"
#include "godwit/base/version.h"
#include "godwit/evacuation/commands.h"
#include "godwit/monitoring/commands.h"
#include "godwit/research/commands.h"
#include "signals.h"

namespace godwit::cli {
namespace {

void send_log_to_stderr(bool verbose) {
  auto logger =
      std::make_shared<spdlog::logger>("godwit", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("godwit: %v");
  logger->set_level(verbose ? spdlog::level::debug : spdlog::level::warn);
  log::set_sink([logger](log::Level level, std::string_view message) {
    logger->log(level == log::Level::kDebug  ? spdlog::level::debug
                : level == log::Level::kInfo ? spdlog::level::info
                                             : spdlog::level::warn,
                "{}", message);
  });
}

/// Usage errors must honour --json too, although parsing failed.
bool asks_for_json(int argc, char** argv) {
  return std::any_of(argv, argv + argc,
                     [](const char* word) { return std::string_view(word) == "--json"; });
}

int usage_error(const std::string& what, int argc, char** argv) {
  terminal::Output out(asks_for_json(argc, argv));
  return out.error({ErrorCode::kBadInput, what, "see godwit --help, or --help after a command"});
}

int run_chosen(terminal::Chosen& chosen, bool json, bool verbose) {
  terminal::Output out(json);
  send_log_to_stderr(verbose);
  if (chosen.lab) {
    // Before StopOnSignal: it starts a thread, and only a process without threads may change its
    // user namespace.
    if (const auto entered = lab::enter_user_lab(chosen.lab->lab, chosen.lab->mode); !entered) {
      return out.error(entered.error());
    }
  }
  const StopOnSignal signals;
  RealClock clock;
  terminal::Context context{out, clock, signals.token(), signals.leave()};
  try {
    return chosen.action(context);
  } catch (const std::exception& unforeseen) {
    return out.error({ErrorCode::kInternal, unforeseen.what(),
                      "this is a fault of godwit's: please report it, with the command"});
  }
}

}  // namespace

void add_commands(terminal::Command& app, terminal::Chosen& chosen) {
  add_demo(app, chosen);
  add_lab(app, chosen);
  add_profile(app, chosen);
  add_predict(app, chosen);
  add_migrate(app, chosen);
  add_watch(app, chosen);
  monitoring::add_exporter(app, chosen);
  add_recover(app, chosen);
  evacuation::add_schedule(app, chosen);
  evacuation::add_evacuate(app, chosen);
  evacuation::add_restore(app, chosen);
  evacuation::add_cordon(app, chosen);
  research::add_bench(app, chosen);
  research::add_evaluate(app, chosen);
  monitoring::add_history(app, chosen);
  monitoring::add_show(app, chosen);
  research::add_learn(app, chosen);
  add_manual(app, chosen);
}

int run(int argc, char** argv) {
  // A reader of our output that goes away must not end us in the middle of a migration.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // nor a file that reached its limit: that is an error of writing
  terminal::Command program(
      "Godwit: predicts, runs and checks live migrations of QEMU/KVM virtual machines.", "godwit");
  terminal::Chosen chosen;
  bool json = false;
  bool verbose = false;
  program.share_options();
  program.add_flag("--json", json,
                   "print JSON on stdout: one object; one a line where much is told in turn "
                   "(watch, exporter, schedule, migrate --events)");
  program.add_flag("-v,--verbose", verbose, "say on stderr what is being done");
  program.set_version(version());
  program.require_subcommand();
  add_commands(program, chosen);
  terminal::add_examples(program,
                         {"godwit demo", "godwit predict qmp:/run/vm.qmp --link 1Gbit/s",
                          "godwit migrate qmp:/run/src.qmp qmp:/run/dst.qmp@tcp:10.0.0.2:4444"});
  if (const auto none = program.parse(argc, argv)) {
    return none->wrong.empty() ? none->status : usage_error(none->wrong, argc, argv);
  }
  return run_chosen(chosen, json, verbose);
}

}  // namespace godwit::cli
