#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "command.h"
#include "godwit/base/quantity.h"
#include "godwit/lab/facts.h"
#include "godwit/lab/lab.h"
#include "godwit/terminal/options.h"
#include "godwit/terminal/table.h"

namespace godwit::cli {
namespace {

constexpr Seconds kBootPatience{120};

struct UpOptions {
  std::string lab{lab::kDefaultLab};
  std::string rate = "40MB/s";
  std::string round_trip;
  std::vector<std::string> hosts{"a", "b"};
  lab::GuestSpec guest;
  std::string ram = "256MiB";
  std::string disk;
  bool no_guest = false;
};

Json to_json(const lab::LabStatus& status) {
  Json hosts = Json::array();
  for (const auto& host : status.hosts) {
    hosts.push_back({{"name", host.name},
                     {"netns", host.netns},
                     {"migration_address", host.migration_address},
                     {"migration_interface", host.migration_interface}});
  }
  Json guests = Json::array();
  for (const auto& guest : status.guests) {
    Json instances = Json::array();
    for (const auto& one : guest.instances) {
      instances.push_back({{"host", one.host},
                           {"pid", one.pid},
                           {"incoming", one.incoming},
                           {"qmp", one.qmp},
                           {"observer_qmp", one.observer_qmp},
                           {"console", one.console},
                           {"report", one.report},
                           {"stream", one.stream}});
    }
    guests.push_back({{"name", guest.spec.name},
                      {"address", guest.address},
                      {"ram_bytes", guest.spec.ram.count()},
                      {"vcpus", guest.spec.vcpus},
                      {"load", guest.spec.load},
                      {"instances", std::move(instances)}});
    if (guest.spec.disk) {
      guests.back()["disk_bytes"] = guest.spec.disk->count();
      guests.back()["own_disks"] = guest.spec.own_disks;
    }
  }
  return Json{{"name", status.spec.name},
              {"complete", status.complete},
              {"migration_rate_bytes_per_s", status.spec.migration_rate.value()},
              {"migration_round_trip_ms", status.spec.round_trip.count() * 1e3},
              {"client_netns", status.client_netns},
              {"hosts", std::move(hosts)},
              {"guests", std::move(guests)}};
}

std::string status_text(const lab::LabStatus& status) {
  const Seconds round_trip = status.spec.round_trip;
  std::string text = fmt::format("lab {}: migration network {}{}{}\n", status.spec.name,
                                 human(status.spec.migration_rate),
                                 round_trip > Seconds(0) ? ", round trip " + human(round_trip) : "",
                                 status.complete ? "" : " (INCOMPLETE: run godwit lab down)");
  terminal::Table hosts({"host", "migration address", "namespace"});
  for (const auto& host : status.hosts) {
    hosts.add({host.name, host.migration_address, host.netns});
  }
  text += hosts.text();
  for (const auto& guest : status.guests) {
    const char* whose = guest.spec.own_disks ? "on each host a disk" : "a disk";
    const std::string disk =
        guest.spec.disk ? fmt::format(", {} of {}", whose, human(*guest.spec.disk)) : "";
    text += fmt::format("\nguest {} ({}{}, {}, load {})", guest.spec.name, human(guest.spec.ram),
                        disk, guest.address, guest.spec.load);
    for (const auto& one : guest.instances) {
      text += fmt::format("\n  on {}: {}, QMP {}", one.host,
                          one.pid == 0   ? "ended"
                          : one.incoming ? fmt::format("process {}, made to receive it", one.pid)
                                         : fmt::format("process {}", one.pid),
                          one.qmp);
    }
  }
  return text;
}

/// Builds hosts and, unless told otherwise, one guest; on failure nothing is left.
Result<lab::LabStatus> bring_up(const UpOptions& options, terminal::Context& context) {
  lab::LabSpec spec;
  spec.name = options.lab;
  spec.hosts = options.hosts;
  GODWIT_TRY(spec.migration_rate, parse_rate(options.rate));
  if (!options.round_trip.empty()) {
    GODWIT_TRY(spec.round_trip, parse_duration(options.round_trip));
  }
  lab::GuestSpec guest = options.guest;
  GODWIT_TRY(guest.ram, parse_bytes(options.ram));
  if (!options.disk.empty()) {
    GODWIT_TRY(guest.disk, parse_bytes(options.disk));
  }
  guest.host = spec.hosts.front();
  GODWIT_CHECK_OK(lab::validate(spec));
  GODWIT_CHECK_OK(lab::validate(guest));
  GODWIT_CHECK_OK(lab::up(spec));
  if (options.no_guest) return lab::status(options.lab);
  const auto start = [&]() -> Result<void> {
    GODWIT_CHECK_OK(lab::start_guest(options.lab, guest));
    return lab::wait_ready(options.lab, guest.name, kBootPatience, context.stop);
  };
  if (auto started = start(); !started) {
    (void)lab::down(options.lab);
    return fail(started.error());
  }
  return lab::status(options.lab);
}

/// One more guest in a lab that is there.
Result<lab::LabStatus> start_guest(const UpOptions& options, terminal::Context& context) {
  lab::GuestSpec guest = options.guest;
  GODWIT_TRY(guest.ram, parse_bytes(options.ram));
  if (!options.disk.empty()) {
    GODWIT_TRY(guest.disk, parse_bytes(options.disk));
  }
  GODWIT_CHECK_OK(lab::start_guest(options.lab, guest));
  const auto ready = lab::wait_ready(options.lab, guest.name, kReadyPatience, context.stop);
  if (!ready) {
    (void)lab::stop_guest(options.lab, guest.name);
    return fail(ready.error());
  }
  return lab::status(options.lab);
}

int print_status(const Result<lab::LabStatus>& status, terminal::Context& context) {
  if (!status) return context.out.error(status.error());
  context.out.say(status_text(*status));
  context.out.result(Json{{"lab", to_json(*status)}});
  return terminal::kDone;
}

/// One that cannot be removed keeps none of the others.
Result<std::vector<std::string>> take_down(const std::string& name, bool all) {
  std::vector<std::string> names{name};
  if (all) {
    GODWIT_TRY(names, lab::list_user_labs());
  }
  Result<void> gone;
  for (const std::string& one : names) {
    auto this_one = lab::down_user_lab(one);
    if (gone) gone = std::move(this_one);
  }
  GODWIT_CHECK_OK(std::move(gone));
  return names;
}

/// What a guest is like.
void add_guest_options(terminal::Command& command, UpOptions& options) {
  command.add_option("--ram", options.ram, "memory of the guest")
      ->type_name("SIZE")
      ->capture_default_str();
  command.add_option("--disk", options.disk, "a second drive for it to load (default: none)")
      ->type_name("SIZE");
  command.add_flag("--own-disks", options.guest.own_disks,
                   "each host has a drive of its own for it, to be migrated with +storage");
  command.add_flag("--qcow2", options.guest.qcow2,
                   "with --own-disks: the drives are qcow2 images, of which a share can be moved "
                   "beforehand (migrate --precopy-storage)");
  command.add_flag("--programs", options.guest.programs,
                   "it has real programs at hand, even if its first load is none");
  command.add_option("--vcpus", options.guest.vcpus, "its vCPUs")->capture_default_str();
  command.add_option("--load", options.guest.load, "what it does (see guest/README.md)")
      ->type_name("LOAD")
      ->capture_default_str();
}

void add_up(terminal::Command& lab_command, terminal::Chosen& chosen) {
  auto options = std::make_shared<UpOptions>();
  terminal::Command* up =
      lab_command.add_subcommand("up", "build hosts, networks and a guest with a load");
  terminal::add_lab_name(*up, options->lab);
  up->add_option("--rate", options->rate, "rate of the migration network")
      ->type_name("RATE")
      ->capture_default_str();
  up->add_option("--round-trip", options->round_trip,
                 "of the migration network, as ping measures it, 1ms to 1s (default: none beside "
                 "what the machine takes)")
      ->type_name("DURATION");
  up->add_option("--hosts", options->hosts, "names of the hosts")->type_name("NAME ...");
  up->add_option("--guest", options->guest.name, "name of the guest")
      ->type_name("NAME")
      ->capture_default_str();
  add_guest_options(*up, *options);
  up->add_flag("--no-guest", options->no_guest, "hosts and networks only");
  terminal::add_examples(
      *up, {"godwit lab up --rate 50MB/s", "godwit lab up --rate 40Mbit/s --round-trip 5ms",
            "godwit lab up --ram 512MiB --load memory-write,set=64MiB,rate=10MB/s",
            "godwit lab up --disk 256MiB --load disk-write,set=64MiB,rate=5MB/s",
            "godwit lab up --ram 512MiB --load program,name=postgres"});
  up->callback([&chosen, options] {
    chosen.lab = terminal::LabEntry{options->lab, lab::EnterMode::kCreate};
    chosen.action = [options](terminal::Context& context) {
      const auto built = bring_up(*options, context);
      if (!built) (void)lab::end_user_lab();
      return print_status(built, context);
    };
  });
}

void add_guest(terminal::Command& lab_command, terminal::Chosen& chosen) {
  auto options = std::make_shared<UpOptions>();
  terminal::Command* guest = lab_command.add_subcommand("guest", "start one more guest in a lab");
  terminal::add_lab_name(*guest, options->lab);
  guest->add_option("NAME", options->guest.name, "its name")->required();
  guest->add_option("--host", options->guest.host, "where it starts")
      ->type_name("HOST")
      ->capture_default_str();
  add_guest_options(*guest, *options);
  terminal::add_examples(*guest,
                         {"godwit lab guest web --ram 128MiB",
                          "godwit lab guest db --host b --load memory-write,set=32MiB,rate=5MB/s"});
  guest->callback([&chosen, options] {
    chosen.lab = terminal::LabEntry{options->lab, lab::EnterMode::kJoin};
    chosen.action = [options](terminal::Context& context) {
      return print_status(start_guest(*options, context), context);
    };
  });
}

void add_down(terminal::Command& lab_command, terminal::Chosen& chosen) {
  auto name = std::make_shared<std::string>(lab::kDefaultLab);
  auto all = std::make_shared<bool>(false);
  terminal::Command* down = lab_command.add_subcommand(
      "down", "remove a lab and whatever a crash left of it; right also when there is none");
  terminal::add_lab_name(*down, *name);
  down->add_flag("--all", *all, "every lab of this user");
  terminal::add_examples(*down, {"godwit lab down", "godwit lab down --all"});
  down->callback([&chosen, name, all] {  // without chosen.lab: there may be none to enter
    chosen.action = [name, all](terminal::Context& context) {
      const auto gone = take_down(*name, *all);
      if (!gone) return context.out.error(gone.error());
      for (const std::string& one : *gone) context.out.say("lab " + one + ": nothing is left");
      context.out.result(Json{{"down", *gone}});
      return terminal::kDone;
    };
  });
}

void add_status(terminal::Command& lab_command, terminal::Chosen& chosen) {
  auto name = std::make_shared<std::string>(lab::kDefaultLab);
  terminal::Command* status = lab_command.add_subcommand("status", "what exists in a lab");
  terminal::add_lab_name(*status, *name);
  terminal::add_examples(*status, {"godwit lab status --json"});
  status->callback([&chosen, name] {
    chosen.lab = terminal::LabEntry{*name, lab::EnterMode::kJoin};
    chosen.action = [name](terminal::Context& context) {
      return print_status(lab::status(*name), context);
    };
  });
}

struct ShellOptions {
  std::string lab{lab::kDefaultLab};
  std::string host;
  std::vector<std::string> command;
};

void add_shell(terminal::Command& lab_command, terminal::Chosen& chosen) {
  auto options = std::make_shared<ShellOptions>();
  terminal::Command* shell =
      lab_command.add_subcommand("shell", "run a program on a lab's host or client");
  terminal::add_lab_name(*shell, options->lab);
  shell->add_option("HOST", options->host, "a host's name, or client")->required();
  shell->add_option("COMMAND", options->command, "program and arguments (default: your shell)");
  shell->prefix_command();
  terminal::add_examples(
      *shell, {"godwit lab shell client ping -c 3 10.77.0.100", "godwit lab shell a tc -s qdisc"});
  shell->callback([&chosen, options, shell] {
    chosen.lab = terminal::LabEntry{options->lab, lab::EnterMode::kJoin};
    for (const std::string& word : shell->remaining()) options->command.push_back(word);
    chosen.action = [options](terminal::Context& context) {
      const char* const usual = std::getenv("SHELL");
      if (options->command.empty()) options->command = {usual != nullptr ? usual : "/bin/sh"};
      const auto status = lab::shell(options->lab, options->host, options->command);
      return status ? *status : context.out.error(status.error());
    };
  });
}

}  // namespace

void add_lab(terminal::Command& app, terminal::Chosen& chosen) {
  terminal::Command* lab_command =
      app.add_subcommand("lab", "hosts as network namespaces, guests in QEMU, on this machine");
  lab_command->require_subcommand();
  add_up(*lab_command, chosen);
  add_guest(*lab_command, chosen);
  add_down(*lab_command, chosen);
  add_status(*lab_command, chosen);
  add_shell(*lab_command, chosen);
  terminal::add_examples(*lab_command, {"godwit lab up --load memory-write,set=64MiB,rate=10MB/s",
                                        "godwit migrate lab:guest lab:b", "godwit lab down"});
}

}  // namespace godwit::cli
