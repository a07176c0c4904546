#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "command.h"
#include "console_observer.h"
#include "godwit/base/quantity.h"
#include "godwit/engine/engine.h"
#include "godwit/lab/lab.h"
#include "godwit/monitoring/watch_all.h"
#include "godwit/terminal/options.h"
#include "godwit/terminal/progress_lines.h"
#include "godwit/terminal/render.h"

namespace godwit::cli {
namespace {

struct FollowOptions {
  std::string vm;
  std::vector<std::string> all;
  std::string lab{lab::kDefaultLab};
  bool wait = false;
  terminal::VerdictOptions verdict;
};

/// A look is worth a line so often.
constexpr Seconds kLineEvery{1};

/// Besides what a console shows: a line of JSON a second.
class WatchObserver final : public engine::Observer {
 public:
  explicit WatchObserver(terminal::Context& context) : context_(context), console_(context) {}

  void on_migrating(const control::Progress& progress) override {
    console_.on_migrating(progress);
    if (last_ && progress.elapsed - *last_ < kLineEvery) return;
    last_ = progress.elapsed;
    context_.out.line(terminal::line_of(progress, "look"));
  }
  void on_event(const control::RunEvent& event) override { console_.on_event(event); }

 private:
  terminal::Context& context_;
  ConsoleObserver console_;
  std::optional<Seconds> last_;
};

int nothing_to_watch(const std::string& vm, terminal::Context& context) {
  (void)context.out.error({ErrorCode::kNotFound, fmt::format("no migration of {} is under way", vm),
                           "start one, or wait for one: godwit watch " + vm + " --wait"});
  return terminal::kFailed;
}

/// The VM is let go of before the end is printed: its monitor serves one client.
Result<std::optional<MigrationOutcome>> follow(const FollowOptions& options, const VmAddress& vm,
                                               const Intent& intent, terminal::Context& context) {
  engine::Engine engine = terminal::open_engine(context, options.lab);
  GODWIT_TRY(engine::OpenVm opened, engine.open(vm, engine::Access::kObserve));
  if (options.wait) context.out.say(fmt::format("waiting for a migration of {}", options.vm));
  GODWIT_TRY(const bool under_way, engine.await_migration(opened, options.wait));
  if (!under_way) return std::optional<MigrationOutcome>();
  WatchObserver observer(context);
  GODWIT_TRY(MigrationOutcome outcome, engine.watch(opened, intent, observer));
  return std::optional(std::move(outcome));
}

Result<VmAddress> named_vm(const FollowOptions& options) {
  if (!options.vm.empty()) return parse_vm(options.vm);
  return fail(ErrorCode::kBadInput, "nothing is named that could be watched",
              "name a VM, or hosts: godwit watch --all qemu:///system");
}

int watch_migration(const FollowOptions& options, terminal::Context& context) {
  context.out.begin_lines();
  const auto intent = options.verdict.value();
  if (!intent) return context.out.error(intent.error());
  if (!options.all.empty())
    return monitoring::watch_all(options.all, options.lab, *intent, context);
  const auto vm = named_vm(options);
  if (!vm) return context.out.error(vm.error());
  const auto followed = follow(options, *vm, *intent, context);
  if (!followed) return context.out.error(followed.error());
  if (!*followed) return nothing_to_watch(options.vm, context);
  const MigrationOutcome& outcome = **followed;
  context.out.say(terminal::outcome_text(outcome));
  context.out.result(Json{{"outcome", to_json(outcome)}});
  return outcome.status == OutcomeStatus::kCompleted ? terminal::kDone : terminal::kFailed;
}

}  // namespace

void add_watch(terminal::Command& app, terminal::Chosen& chosen) {
  auto options = std::make_shared<FollowOptions>();
  terminal::Command* command = app.add_subcommand(
      "watch",
      "follow a migration that somebody else started: when it ends, and whether as it should. "
      "Changes nothing; with --json an object a line, the last one the outcome as far as the "
      "source "
      "shows it");
  const terminal::Option* const vm =
      command->add_option("VM", options->vm,
                          "the VM that is migrated, at its source: lab:NAME, qmp:PATH, "
                          "libvirt:NAME or libvirt:URI#NAME");
  const terminal::Option* const wait =
      command->add_flag("--wait", options->wait, "wait until somebody starts one");
  command
      ->add_option("--all", options->all,
                   "every migration that leaves those hosts, or of those VMs, until Ctrl-C: "
                   "libvirt's URIs (qemu:///system, libvirt:URI), addresses of VMs, paths of QMP "
                   "sockets")
      ->type_name("HOST...")
      ->excludes({vm, wait});
  options->verdict.add_to(*command);
  terminal::add_lab_name(*command, options->lab);
  terminal::add_examples(
      *command, {"godwit watch qmp:/run/vm.qmp", "godwit watch libvirt:web --wait",
                 "godwit watch --all qemu:///system",
                 "godwit watch --all qemu:///system qemu+ssh://root@kvm2/system --json",
                 "godwit watch --all /run/vms/*.qmp", "godwit watch qmp:/run/vm.qmp --wait --json",
                 "godwit watch lab:guest --max-downtime 300ms --max-time 60s"});
  command->callback([&chosen, options] {
    std::vector<std::string> named = options->all;
    named.push_back(options->vm);
    chosen.lab = monitoring::lab_entry_of(named, options->lab);
    chosen.action = [options](terminal::Context& context) {
      return watch_migration(*options, context);
    };
  });
}

}  // namespace godwit::cli
