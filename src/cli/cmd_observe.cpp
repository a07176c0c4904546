#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "command.h"
#include "console_observer.h"
#include "godwit/advise/advise.h"
#include "godwit/base/json.h"
#include "godwit/base/quantity.h"
#include "godwit/codec/codec.h"
#include "godwit/engine/engine.h"
#include "godwit/engine/models.h"
#include "godwit/lab/lab.h"
#include "godwit/pair/sink_session.h"
#include "godwit/profile/observe.h"
#include "godwit/terminal/migration_page.h"
#include "godwit/terminal/observed_json.h"
#include "godwit/terminal/options.h"
#include "godwit/terminal/render.h"
#include "godwit/terminal/spelling.h"
#include "godwit/terminal/write_file.h"
#include "godwit/twin/predictor.h"
#include "run_request.h"
#include "watch_profile.h"

/// `profile` and `predict`: they look and change nothing, except where they rehearse.

namespace godwit::cli {
namespace {

struct ProfileOptions {
  std::string vm;
  std::string lab{lab::kDefaultLab};
  std::string file;
  bool rehearse = false;
  bool disks = false;
  bool plot = false;
  terminal::ObserveOption observe;
  std::string cpu;
  std::string every;
  std::optional<int> times;
};

/// A profile, and whether the VM was rehearsed for it.
struct Profiled {
  GuestProfile profile;
  engine::Rehearsed rehearsed;
};

/// `--cpu`: of one CPU.
Result<Ratio> cpu_cap_of(const ProfileOptions& options) {
  if (options.cpu.empty()) return profile::ObserveOptions{}.cpu_cap;
  auto share = parse_percent(options.cpu);
  if (!share) return fail(share.error().while_doing("--cpu"));
  if (share->value() > 0 && share->value() <= 1) return *share;
  return fail(ErrorCode::kBadInput, fmt::format("--cpu: {} is out of range", options.cpu),
              "give a share of one CPU, such as 1%");
}

/// How a VM is looked at.
struct Look {
  std::string address;
  Seconds duration{};
  Ratio cpu_cap = profile::ObserveOptions{}.cpu_cap;
  engine::Rehearse rehearse = engine::Rehearse::kNever;
  bool disks = false;  ///< watched, too
  Intent intent{};
  bool once = true;  ///< not again and again
};

/// Those that a move could take along.
std::vector<Disk> movable_disks(const VmDescription& vm) {
  std::vector<Disk> disks;
  std::copy_if(vm.disks.begin(), vm.disks.end(), std::back_inserter(disks),
               [](const Disk& disk) { return disk.writable && !disk.travels_with_memory; });
  return disks;
}

/// Observed first: a rehearsal disturbs the guest. Who borrows of the VM drives it. One that was
/// asked for, and can't be, is an Error.
Result<Profiled> observe(engine::Engine& engine, const Look& look, engine::Observer& observer) {
  GODWIT_TRY(const VmAddress address, parse_vm(look.address));
  const bool asked = look.rehearse == engine::Rehearse::kAlways;
  const auto access = asked || look.disks ? engine::Access::kDrive : engine::Access::kObserve;
  GODWIT_TRY(engine::OpenVm vm, engine.open(address, access));
  if (asked) GODWIT_CHECK_OK(pair::may_rehearse(*vm.hypervisor));  // before seconds pass
  engine::ObserveRequest request{look.address, look.duration, look.cpu_cap, {}};
  if (look.disks) request.disks = movable_disks(vm.description);
  request.count_dirtied = look.once && !look.intent.max_slowdown;
  Profiled done;
  GODWIT_TRY(done.profile, engine.observe(vm, request, observer));
  GODWIT_TRY(done.rehearsed, engine.rehearse_where_due(done.profile, vm, look.address,
                                                       look.rehearse, look.intent, observer));
  if (!done.rehearsed.failed) return done;
  if (asked) return fail(*done.rehearsed.failed);
  observer.warning("profiled without a rehearsal: " + done.rehearsed.failed->message);
  return done;
}

Result<Look> look_of(const ProfileOptions& options) {
  GODWIT_TRY(const Seconds duration, options.observe.value());
  GODWIT_TRY(const Ratio cpu_cap, cpu_cap_of(options));
  const auto rehearse = options.rehearse ? engine::Rehearse::kAlways : engine::Rehearse::kNever;
  return Look{options.vm, duration, cpu_cap, rehearse, options.disks};
}

Result<Profiled> run_profile(const ProfileOptions& options, terminal::Context& context) {
  GODWIT_TRY(const Look look, look_of(options));
  engine::Engine engine = terminal::open_engine(context, options.lab);
  ConsoleObserver observer(context);
  GODWIT_TRY(Profiled done, observe(engine, look, observer));
  if (!options.file.empty()) {
    GODWIT_CHECK_OK(terminal::write_file(options.file, json_text(to_json(done.profile), 2) + "\n"));
  }
  return done;
}

void plot_curve(const GuestProfile& profile, terminal::Context& context) {
  const std::string picture = terminal::chart_text(terminal::dirty_curve_chart(profile));
  context.out.say(picture.empty() ? "  nothing was written: there is no curve" : "\n" + picture);
}

int print_profiled(const Result<Profiled>& done, bool plot, terminal::Context& context) {
  if (!done) return context.out.error(done.error());
  context.out.say(terminal::profile_text(done->profile));
  if (plot) plot_curve(done->profile, context);
  Json object{{"profile", to_json(done->profile)}, {"seen", terminal::seen_json(done->profile)}};
  if (const auto& rehearsal = done->rehearsed.rehearsal) {
    context.out.say(terminal::rehearsal_text(*rehearsal));
    object["rehearsal"] = terminal::json_of(done->rehearsed);
  }
  context.out.result(object);
  return terminal::kDone;
}

/// An observation takes an eighth longer than its longest window.
constexpr double kObservationTakes = 1.125;

Result<WatchOptions> watch_options(const ProfileOptions& options) {
  WatchOptions watch;
  auto every = parse_duration(options.every);
  if (!every) return fail(every.error().while_doing("--every"));
  GODWIT_TRY(const Seconds duration, options.observe.value());
  if (*every < duration * kObservationTakes) {
    return fail(ErrorCode::kBadInput,
                fmt::format("--every {}: an observation of {} takes longer", options.every,
                            human(duration)),
                "observe for a shorter time with --for, or less often");
  }
  if (options.rehearse) {
    return fail(ErrorCode::kBadInput, "--rehearse and --every exclude each other",
                "rehearse once, before a migration");
  }
  if (options.times.value_or(1) < 1) {
    return fail(ErrorCode::kBadInput, "--times must be at least 1", "leave it out for no end");
  }
  watch.every = *every;
  watch.times = options.times;
  watch.file = options.file;
  return watch;
}

int watch(const ProfileOptions& options, terminal::Context& context) {
  const auto how = watch_options(options);
  if (!how) return context.out.error(how.error());
  auto look = look_of(options);
  if (!look) return context.out.error(look.error());
  look->once = false;
  engine::Engine engine = terminal::open_engine(context, options.lab);
  engine::Observer silent;
  return watch_profile(*how, context, [&]() -> Result<GuestProfile> {
    GODWIT_TRY(Profiled done, observe(engine, *look, silent));
    return std::move(done.profile);
  });
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
  terminal::RehearseOption rehearse;
  bool plot = false;
  std::string lab{lab::kDefaultLab};
  std::string profile;
  std::vector<std::string> techniques;
  terminal::LinkOption link;
  terminal::ObserveOption observe;
  terminal::ShareOptions shares;
  terminal::IntentOptions intent;
};

Result<Link> link_of(const PredictOptions& options) {
  GODWIT_TRY(const auto given, options.link.value());
  if (given) return *given;
  if (!options.vm.starts_with("lab:")) {
    return fail(ErrorCode::kBadInput, "nobody said how fast the link is",
                "add --link with the rate that the stream may use, for example --link 1Gbit/s");
  }
  GODWIT_TRY(const lab::LabStatus status, lab::status(options.lab));
  return lab::migration_link(status.spec);
}

/// A named technique takes all of the disks beforehand, unless a share is named, too.
Result<void> read_choice(const PredictOptions& options, advise::Question& question) {
  GODWIT_TRY(terminal::TechniqueChoice choice, terminal::parse_techniques(options.techniques));
  GODWIT_CHECK_OK(options.shares.read_into(question.parameters));
  question.techniques = std::move(choice.techniques);
  question.storage = choice.storage;
  question.may_leave_disks = question.techniques.empty();
  if (question.storage || !question.parameters.precopy_storage) return {};
  return fail(ErrorCode::kBadInput, "the disks stay where they are: no share of them is copied",
              "add +storage to the technique's name (auto+storage for all of them), or leave "
              "--precopy-storage out");
}

/// What a profile from a file has to tell.
Result<void> check_disks_known(const advise::Question& question) {
  if (!question.storage || !question.profile.disks.empty()) return {};
  return fail(ErrorCode::kBadInput, "the profile tells of no disks",
              "take it with: godwit profile VM --disks -o FILE");
}

struct Predicted {
  advise::Advised advised;
  Link link;                                   ///< that it was predicted over
  std::optional<engine::Rehearsed> rehearsed;  ///< absent: by a profile from a file
};

Result<Predicted> run_predict(const PredictOptions& options, terminal::Context& context) {
  advise::Question question;
  GODWIT_CHECK_OK(read_choice(options, question));
  GODWIT_TRY(question.intent, options.intent.value());
  GODWIT_TRY(const Seconds duration, options.observe.value());
  if (options.vm.empty() == options.profile.empty()) {
    return fail(ErrorCode::kBadInput, "name either a VM or a profile",
                "godwit predict VM --link RATE, or godwit predict --profile FILE --link RATE");
  }
  if (options.rehearse.yes && options.vm.empty()) {
    return fail(ErrorCode::kBadInput,
                "--rehearse needs a VM: a profile in a file can't be migrated",
                "rehearse when the profile is taken: godwit profile VM --rehearse -o FILE");
  }
  GODWIT_TRY(question.link, link_of(options));
  Predicted predicted;
  if (options.profile.empty()) {
    engine::Engine engine = terminal::open_engine(context, options.lab);
    ConsoleObserver observer(context);
    const Look look{options.vm,
                    duration,
                    profile::ObserveOptions{}.cpu_cap,
                    options.rehearse.value(),
                    question.storage,
                    question.intent};
    GODWIT_TRY(Profiled done, observe(engine, look, observer));
    const auto& rehearsal = done.rehearsed.rehearsal;
    if (rehearsal) context.out.say(terminal::rehearsal_text(*rehearsal));
    predicted.rehearsed = std::move(done.rehearsed);
    question.profile = std::move(done.profile);
  } else {
    GODWIT_TRY(question.profile, read_profile(options.profile));
  }
  GODWIT_CHECK_OK(check_disks_known(question));
  const auto learnt = engine::usual_model(context.places);
  question.learnt = learnt.get();
  question.pair = engine::usual_pair(question.learnt);
  question.draws = twin::kManyDraws;
  context.out.say(terminal::profile_text(question.profile));
  context.out.say("\npredicted over " + terminal::link_text(question.link));
  predicted.link = question.link;
  GODWIT_TRY(predicted.advised, advise::predict_all(std::move(question)));
  return predicted;
}

void plot_prediction(const Prediction& prediction, terminal::Context& context) {
  for (const terminal::Ranges& ranges :
       {terminal::total_time_ranges(prediction), terminal::outage_ranges(prediction)}) {
    if (!ranges.rows.empty()) context.out.say("\n" + terminal::ranges_text(ranges));
  }
}

int print_prediction(const Result<Predicted>& predicted, bool plot, terminal::Context& context) {
  if (!predicted) return context.out.error(predicted.error());
  const advise::Advised* const advised = &predicted->advised;
  context.out.say(terminal::prediction_text(advised->prediction));
  if (plot) plot_prediction(advised->prediction, context);
  Json object = to_json(advised->prediction);
  put_link(predicted->link, object);
  if (predicted->rehearsed) object["rehearsal"] = terminal::json_of(*predicted->rehearsed);
  if (advised->refusal) {
    // It was asked what would be, and that is answered; only a migration can be refused.
    const Error refusal = terminal::spelt(*advised->refusal);
    context.out.say(fmt::format("  no advice: {}; {}", refusal.message, refusal.what_to_do.text()));
    object["refusal"] = to_json(refusal).at("error");
  }
  context.out.result(object);
  return terminal::kDone;
}

}  // namespace

void add_profile(terminal::Command& app, terminal::Chosen& chosen) {
  auto options = std::make_shared<ProfileOptions>();
  terminal::Command* command = app.add_subcommand(
      "profile",
      "observe a running VM from outside: its memory's dirty curve, zero pages, vCPU use. On KVM, "
      "QEMU counts the pages that it dirties for 2.5 s more, too");
  command->add_option("VM", options->vm, "lab:NAME, qmp:PATH, libvirt:NAME or libvirt:URI#NAME")
      ->required();
  command->add_option("-o,--output", options->file, "write the profile to a file")
      ->type_name("FILE");
  command->add_flag("--rehearse", options->rehearse, terminal::kRehearseHelp);
  command->add_flag("--disks", options->disks,
                    "tell of its disks, too, and by dirty bitmaps how often their chunks are "
                    "written: what a prediction with +storage needs. No other godwit may drive the "
                    "VM meanwhile");
  command->add_flag("--plot", options->plot, "draw the dirty curve");
  command->add_option("--cpu", options->cpu, "at most so much of one CPU (default 10%)")
      ->type_name("PERCENT");
  terminal::Option* every = command->add_option(
      "--every", options->every,
      "observe again and again, so often, without QEMU's count; with -o each profile is a line of "
      "JSON");
  every->type_name("DURATION");
  command->add_option("--times", options->times, "with --every: how often in all (default: no end)")
      ->needs(every)
      ->type_name("NUMBER");
  options->observe.add_to(*command);
  terminal::add_lab_name(*command, options->lab);
  terminal::add_examples(
      *command, {"godwit profile lab:guest", "godwit profile qmp:/run/vm.qmp --for 30s -o vm.json",
                 "godwit profile libvirt:web --plot", "godwit profile qmp:/run/vm.qmp --rehearse",
                 "godwit profile qmp:/run/vm.qmp --disks -o vm.json",
                 "godwit profile qmp:/run/vm.qmp --every 30s --cpu 1% -o vm.jsonl"});
  command->callback([&chosen, options] {
    chosen.lab = terminal::lab_entry_of(options->vm, options->lab);
    chosen.action = [options](terminal::Context& context) {
      if (!options->every.empty()) return watch(*options, context);
      return print_profiled(run_profile(*options, context), options->plot, context);
    };
  });
}

void add_predict(terminal::Command& app, terminal::Chosen& chosen) {
  auto options = std::make_shared<PredictOptions>();
  terminal::Command* command = app.add_subcommand(
      "predict", "say what migrating a VM would cost by each technique, and which one to take");
  command->add_option("VM", options->vm, "lab:NAME, qmp:PATH, libvirt:NAME or libvirt:URI#NAME");
  command->add_option("--profile", options->profile, "predict from a profile kept in a file")
      ->type_name("FILE");
  options->rehearse.add_to(*command);
  command->add_flag("--plot", options->plot, "draw times and outages of the techniques");
  command
      ->add_option(
          "--technique", options->techniques,
          "only these (may be repeated): words joined by +, each of which says something "
          "else, such as multifd-zstd+auto-converge; with +storage (also auto+storage) the "
          "disks move along. Words: " +
              technique_words())
      ->type_name("NAME");
  options->link.add_to(*command);
  options->observe.add_to(*command);
  options->shares.add_to(*command);
  options->intent.add_to(*command);
  terminal::add_lab_name(*command, options->lab);
  terminal::add_examples(
      *command,
      {"godwit predict qmp:/run/vm.qmp --link 1Gbit/s --max-downtime 300ms",
       "godwit predict lab:guest --rehearse --max-time 60s --confidence 95%",
       "godwit predict lab:guest --technique precopy+storage --precopy-storage 0.25",
       "godwit predict lab:guest --technique auto+storage --prefer agility",
       "godwit predict --profile vm.json --link 40Mbit/s --round-trip 5ms --no-postcopy --json"});
  command->callback([&chosen, options] {
    chosen.lab = terminal::lab_entry_of(options->vm, options->lab);
    chosen.action = [options](terminal::Context& context) {
      return print_prediction(run_predict(*options, context), options->plot, context);
    };
  });
}

}  // namespace godwit::cli
