#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "command.h"
#include "godwit/base/quantity.h"
#include "journey.h"
#include "options.h"
#include "rehearse.h"
#include "render.h"

/// `profile` and `predict`: they look and change nothing, except with `--rehearse`.

namespace godwit::cli {
namespace {

struct ProfileOptions {
  std::string vm;
  std::string lab{lab::kDefaultLab};
  std::string file;
  bool rehearse = false;
  ObserveOption observe;
};

/// A profile, and what the rehearsal for it cost where there was one.
struct Profiled {
  GuestProfile profile;
  std::optional<control::Rehearsal> rehearsal;
};

Result<GuestProfile> observe_address(const std::string& address, const std::string& lab,
                                     Seconds duration, Context& context) {
  GODWIT_TRY(const VmAddress vm, parse_vm(address));
  GODWIT_TRY(const std::string socket, socket_of(vm, lab, Access::kObserve));
  GODWIT_TRY(OpenVm opened, open_vm(socket, context.clock, Access::kObserve));
  context.out.say(fmt::format("observing {} for {}", address, human(duration)));
  return observe_vm(opened, address, duration, context);
}

Result<void> write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::trunc);
  file << text << "\n";
  file.close();
  if (file) return {};
  return fail(ErrorCode::kEnvironment, fmt::format("'{}' could not be written", path),
              "choose a place that you may write to, with room left");
}

/// Observed first: a rehearsal disturbs the guest.
Result<Profiled> observe_and_rehearse(const std::string& address, const std::string& lab,
                                      Seconds duration, Context& context) {
  GODWIT_TRY(const VmAddress vm, parse_vm(address));
  GODWIT_TRY(const std::string socket, socket_of(vm, lab, Access::kDrive));
  GODWIT_TRY(OpenVm opened, open_vm(socket, context.clock, Access::kDrive));
  GODWIT_CHECK_OK(control::may_rehearse(*opened.hypervisor));  // before seconds are spent
  context.out.say(fmt::format("observing {} for {}", address, human(duration)));
  Profiled done;
  GODWIT_TRY(done.profile, observe_vm(opened, address, duration, context));
  context.out.say(fmt::format("rehearsing {} (Ctrl-C cancels, the VM stays)", address));
  GODWIT_TRY(done.rehearsal, rehearse_vm(opened, address, context));
  control::put_into(done.profile, *done.rehearsal);
  return done;
}

Result<Profiled> run_profile(const ProfileOptions& options, Context& context) {
  GODWIT_TRY(const Seconds duration, options.observe.value());
  Profiled done;
  if (options.rehearse) {
    GODWIT_TRY(done, observe_and_rehearse(options.vm, options.lab, duration, context));
  } else {
    GODWIT_TRY(done.profile, observe_address(options.vm, options.lab, duration, context));
  }
  if (!options.file.empty()) {
    GODWIT_CHECK_OK(write_file(
        options.file, to_json(done.profile).dump(2, ' ', false, Json::error_handler_t::replace)));
  }
  return done;
}

int print_profiled(const Result<Profiled>& done, Context& context) {
  if (!done) return context.out.error(done.error());
  context.out.say(profile_text(done->profile));
  Json object{{"profile", to_json(done->profile)}};
  if (done->rehearsal) {
    context.out.say(rehearsal_text(*done->rehearsal));
    object["rehearsal"] = rehearsal_json(*done->rehearsal);
  }
  context.out.result(object);
  return kDone;
}

/// A file that `profile -o` wrote, or the object that `profile --json` printed.
Result<GuestProfile> read_profile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return fail(ErrorCode::kNotFound, fmt::format("'{}' cannot be read", path),
                "make one with: godwit profile VM -o FILE");
  }
  std::stringstream text;
  text << file.rdbuf();
  const auto decode = [&]() -> Result<GuestProfile> {
    GODWIT_TRY(const Json json, parse_json(text.str()));
    return profile_from_json(json.is_object() && json.contains("profile") ? json["profile"] : json);
  };
  auto profile = decode();
  if (!profile) {
    return fail(ErrorCode::kCorrupt, fmt::format("'{}': {}", path, profile.error().message),
                "make it anew with: godwit profile VM -o FILE");
  }
  return profile;
}

struct PredictOptions {
  std::string vm;
  std::string lab{lab::kDefaultLab};
  std::string profile;
  std::vector<std::string> techniques;
  LinkOption link;
  ObserveOption observe;
  IntentOptions intent;
};

Result<Link> link_of(const PredictOptions& options) {
  GODWIT_TRY(const auto given, options.link.value());
  if (given) return *given;
  if (!options.vm.starts_with("lab:")) {
    return fail(ErrorCode::kBadInput, "nobody said how fast the link is",
                "add --link with the rate that the stream may use, for example --link 1Gbit/s");
  }
  GODWIT_TRY(const lab::LabStatus status, lab::status(options.lab));
  return Link{status.spec.migration_rate, {}};
}

Result<advise::Advised> run_predict(const PredictOptions& options, Context& context) {
  advise::Question question;
  GODWIT_TRY(question.techniques, parse_techniques(options.techniques));
  GODWIT_TRY(question.intent, options.intent.value());
  GODWIT_TRY(const Seconds duration, options.observe.value());
  if (options.vm.empty() == options.profile.empty()) {
    return fail(ErrorCode::kBadInput, "name either a VM or a profile",
                "godwit predict VM --link RATE, or godwit predict --profile FILE --link RATE");
  }
  GODWIT_TRY(question.link, link_of(options));
  if (options.profile.empty()) {
    GODWIT_TRY(question.profile, observe_address(options.vm, options.lab, duration, context));
  } else {
    GODWIT_TRY(question.profile, read_profile(options.profile));
  }
  context.out.say(profile_text(question.profile));
  context.out.say(fmt::format("\npredicted over {}", human(question.link.rate)));
  return advise::predict_all(std::move(question));
}

int print_prediction(const Result<advise::Advised>& advised, Context& context) {
  if (!advised) return context.out.error(advised.error());
  context.out.say(prediction_text(advised->prediction));
  Json object = to_json(advised->prediction);
  if (advised->refusal) {
    // It was asked what would be, and that is answered; only a migration can be refused.
    context.out.say(fmt::format("  no advice: {}; {}", advised->refusal->message,
                                advised->refusal->what_to_do));
    object["refusal"] = to_json(*advised->refusal).at("error");
  }
  context.out.result(object);
  return kDone;
}

}  // namespace

void add_profile(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<ProfileOptions>();
  CLI::App* command = app.add_subcommand(
      "profile",
      "observe a running VM from outside: its memory's dirty curve, zero pages, vCPU use");
  command->add_option("VM", options->vm, "lab:NAME or qmp:PATH")->required();
  command->add_option("-o,--output", options->file, "write the profile to a file")
      ->type_name("FILE");
  command->add_flag("--rehearse", options->rehearse,
                    "then also migrate it into nowhere for some seconds and cancel: QEMU's own "
                    "dirty bitmap sees what hashes miss, but the guest is slowed meanwhile");
  options->observe.add_to(*command);
  add_lab_name(*command, options->lab);
  add_examples(*command,
               {"godwit profile lab:guest", "godwit profile qmp:/run/vm.qmp --for 30s -o vm.json",
                "godwit profile qmp:/run/vm.qmp --rehearse"});
  command->callback([&chosen, options] {
    chosen.lab = lab_entry_of(options->vm, options->lab);
    chosen.action = [options](Context& context) {
      return print_profiled(run_profile(*options, context), context);
    };
  });
}

void add_predict(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* command = app.add_subcommand(
      "predict", "say what migrating a VM would cost by each technique, and which one to take");
  command->add_option("VM", options->vm, "lab:NAME or qmp:PATH");
  command->add_option("--profile", options->profile, "predict from a profile kept in a file")
      ->type_name("FILE");
  command->add_option("--technique", options->techniques, "only these (may be repeated)")
      ->type_name("NAME");
  options->link.add_to(*command);
  options->observe.add_to(*command);
  options->intent.add_to(*command);
  add_lab_name(*command, options->lab);
  add_examples(*command, {"godwit predict qmp:/run/vm.qmp --link 1Gbit/s --max-downtime 300ms",
                          "godwit predict --profile vm.json --link 50MB/s --no-postcopy --json"});
  command->callback([&chosen, options] {
    chosen.lab = lab_entry_of(options->vm, options->lab);
    chosen.action = [options](Context& context) {
      return print_prediction(run_predict(*options, context), context);
    };
  });
}

}  // namespace godwit::cli
