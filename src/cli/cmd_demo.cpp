#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "command.h"
#include "godwit/base/log.h"
#include "godwit/base/quantity.h"
#include "godwit/lab/facts.h"
#include "godwit/lab/guest_report.h"
#include "godwit/lab/lab.h"
#include "godwit/libvirt_lab/libvirt_lab.h"
#include "godwit/rig/lab_pair.h"
#include "godwit/terminal/options.h"
#include "godwit/terminal/render.h"
#include "run_request.h"

namespace godwit::cli {
namespace {

struct DemoOptions {
  std::string lab{lab::kDefaultLab};
  bool libvirt = false;
  std::string technique = "auto";
  std::string load = "memory-write,set=48MiB,rate=8MB/s,pattern=uniform,content=random,fill=64MiB";
  terminal::LinkOption link{"40MB/s"};
  terminal::ObserveOption observe{"4s"};
  terminal::IntentOptions intent;
  std::string store;  ///< empty: nothing is kept
};

/// Takes the lab that it built down at the end of its scope, whatever happened in it. A lab of that
/// name that was there before stays.
class LabForNow {
 public:
  explicit LabForNow(std::string name) : name_(std::move(name)) {}
  LabForNow(const LabForNow&) = delete;
  LabForNow& operator=(const LabForNow&) = delete;
  ~LabForNow() {
    const auto gone = built_ ? lab::down(name_) : Result<void>();
    for (const auto& step : {gone, lab::end_user_lab()}) {
      if (!step) log::warning("{}; run: godwit lab down --lab {}", step.error().message, name_);
    }
  }
  Result<void> up(const lab::LabSpec& spec) {
    GODWIT_CHECK_OK(lab::up(spec));
    built_ = true;
    return {};
  }

 private:
  std::string name_;
  bool built_ = false;
};

Result<engine::Request> request_of(const DemoOptions& options) {
  engine::Request request;
  GODWIT_TRY(request.intent, options.intent.value());
  GODWIT_TRY(request.link, options.link.value());
  GODWIT_TRY(request.observe, options.observe.value());
  GODWIT_CHECK_OK(terminal::read_technique(options.technique, request));
  request.store = options.store;
  request.keep = !options.store.empty();
  return request;
}

/// Builds two hosts and a busy guest, and opens what is to be migrated.
Result<engine::OpenPair> set_the_stage(const DemoOptions& options, const engine::Request& request,
                                       LabForNow& lab, engine::Engine& engine,
                                       terminal::Context& context) {
  GODWIT_CHECK_OK(engine.check_places(request));
  lab::LabSpec spec;
  spec.name = options.lab;
  spec.migration_rate = request.link ? request.link->rate : spec.migration_rate;
  if (request.link) spec.round_trip = request.link->round_trip.value_or(spec.round_trip);
  context.out.say(fmt::format("building two hosts, a and b, with a migration network of {}",
                              terminal::link_text(lab::migration_link(spec))));
  GODWIT_CHECK_OK(lab.up(spec));
  lab::GuestSpec guest;
  guest.load = options.load;
  context.out.say(
      fmt::format("booting a guest of {} on a; its load: {}", human(guest.ram), guest.load));
  GODWIT_CHECK_OK(lab::start_guest(options.lab, guest));
  GODWIT_CHECK_OK(lab::wait_ready(options.lab, guest.name, kReadyPatience, context.stop));
  return rig::open_lab_pair(engine, options.lab, guest.name, "b");
}

Attempt not_begun(const Error& error) {
  Attempt attempt;
  attempt.done = fail(error);
  return attempt;
}

Result<engine::OpenPair> set_libvirts_stage(const DemoOptions& options,
                                            const engine::Request& request,
                                            std::unique_ptr<libvirt_lab::LibvirtLab>& lab,
                                            engine::Engine& engine, terminal::Context& context) {
  GODWIT_CHECK_OK(engine.check_places(request));
  context.out.say("building two hosts of libvirt's, each with its own daemon");
  GODWIT_TRY(lab, libvirt_lab::LibvirtLab::up(context.clock, 2, context.stop));
  const libvirt_lab::DomainSpec domain{.load = options.load};
  context.out.say("starting a domain on the first; its load: " + domain.load);
  GODWIT_CHECK_OK(lab->start_domain(0, domain, context.stop));
  GODWIT_TRY(engine::OpenPair pair, engine.open_pair(LibvirtVm{lab->uri(0), domain.name},
                                                     LibvirtHost{lab->uri_from_afar(1)}, {}));
  const auto files = lab->files_of(domain.name);
  pair.check = std::make_unique<lab::LabGuestCheck>(files, files);
  pair.can_postcopy = lab::facts().postcopy;
  return pair;
}

Attempt play_on_libvirt(const DemoOptions& options, terminal::Context& context) {
  LabForNow namespaces(options.lab);  // of an ordinary user; they end last
  const auto request = request_of(options);
  if (!request) return not_begun(request.error());
  std::unique_ptr<libvirt_lab::LibvirtLab> lab;  // outlives what is connected to it
  engine::Engine engine = terminal::open_engine(context, options.lab);
  auto pair = set_libvirts_stage(options, *request, lab, engine, context);
  if (!pair) return not_begun(pair.error());
  return run_request(engine, std::move(*pair), *request, context);
}

Attempt play(const DemoOptions& options, terminal::Context& context) {
  LabForNow lab(options.lab);  // first, since an ordinary user's keeper is there already
  const auto request = request_of(options);
  if (!request) return not_begun(request.error());
  engine::Engine engine = terminal::open_engine(context, options.lab);
  auto pair = set_the_stage(options, *request, lab, engine, context);
  if (!pair) return not_begun(pair.error());
  return run_request(engine, std::move(*pair), *request, context);
}

}  // namespace

void add_demo(terminal::Command& app, terminal::Chosen& chosen) {
  auto options = std::make_shared<DemoOptions>();
  terminal::Command* command = app.add_subcommand(
      "demo", "the main job on this machine: a busy guest is profiled, predicted, moved, checked");
  command->add_option("--technique", options->technique, "auto, or the one to run")
      ->type_name("NAME")
      ->capture_default_str();
  command->add_option("--load", options->load, "what the guest does (see guest/README.md)")
      ->type_name("LOAD")
      ->capture_default_str();
  command->add_flag("--libvirt", options->libvirt,
                    "on two hosts of libvirt's, each with its own daemon, which end with the demo");
  options->link.add_to(*command);
  options->observe.add_to(*command);
  options->intent.add_to(*command);
  command->add_option("--store", options->store, "keep the outcome in this file (default: nowhere)")
      ->type_name("FILE");
  terminal::add_lab_name(*command, options->lab);
  terminal::add_examples(
      *command, {"godwit demo", "godwit demo --technique postcopy", "godwit demo --libvirt",
                 "godwit demo --load memory-write,set=64MiB,rate=60MB/s --json"});
  command->callback([&chosen, options] {
    chosen.lab = terminal::LabEntry{options->lab, lab::EnterMode::kCreate};
    chosen.action = [options](terminal::Context& context) {
      const Attempt attempt =
          options->libvirt ? play_on_libvirt(*options, context) : play(*options, context);
      return print_attempt(attempt, context);
    };
  });
}

}  // namespace godwit::cli
