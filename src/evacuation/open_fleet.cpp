#include "open_fleet.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <variant>

#include "godwit/hosts/fleet_file.h"
#include "godwit/hosts/lab_fleet.h"
#include "godwit/hosts/listed_fleet.h"
#include "godwit/hosts/simulated_fleet.h"
#include "godwit/libvirt_fleet/by_uri.h"
#include "godwit/libvirt_fleet/libvirt_fleet.h"
#include "godwit/terminal/shipped_files.h"

namespace godwit::evacuation {
namespace {

constexpr std::string_view kLab = "lab:";
constexpr std::string_view kLibvirt = "libvirt:";

/// Of a file's name the end tells more; 255 bytes is what file systems take.
constexpr std::size_t kLongestKey = 200;

std::string key_of_file(const std::string& file) {
  std::error_code unknown;
  std::string path = std::filesystem::weakly_canonical(file, unknown).string();
  std::replace(path.begin(), path.end(), '/', '%');
  return "file-" + (path.size() > kLongestKey ? path.substr(path.size() - kLongestKey) : path);
}

Error no_tls() {
  return {ErrorCode::kBadInput, "--tls is for hosts of libvirt's",
          "leave it out: what other QEMUs encrypt is set on them (docs/tls.md)"};
}

Result<OpenedFleet> open_lab(const FleetOptions& options, const std::string& store,
                             terminal::Context& context) {
  OpenedFleet opened;
  GODWIT_TRY(const DestinationAddress address, parse_destination(options.host));
  const auto* const host = std::get_if<LabHost>(&address);
  if (host == nullptr) {
    return fail(ErrorCode::kBadInput, fmt::format("'{}' is no host", options.host),
                "name lab:HOST, or a host of the file that --fleet names");
  }
  if (options.tls) return fail(no_tls());
  opened.host = host->name;
  GODWIT_TRY(const std::string key, hosts::LabFleet::key_of(options.lab));
  GODWIT_TRY(opened.files, hosts::files_of(context.places, key));
  opened.engines = terminal::engine_maker(context, options.lab);
  opened.fleet = std::make_unique<hosts::LabFleet>(options.lab, opened.engines, store);
  return opened;
}

Result<OpenedFleet> open_file(const FleetOptions& options, const std::string& store,
                              terminal::Context& context) {
  OpenedFleet opened;
  opened.host = options.host;
  GODWIT_TRY(const std::string text,
             terminal::read_text(options.file, "name the TOML file of a fleet"));
  auto file = hosts::parse_fleet_file(text);
  if (!file) return fail(file.error().while_doing(options.file));
  GODWIT_TRY(opened.files, hosts::files_of(context.places, key_of_file(options.file)));
  GODWIT_TRY(const auto entries, hosts::read_record(opened.files.record));
  opened.engines = terminal::engine_maker(context, std::string(lab::kDefaultLab));
  if (options.tls && file->uris.empty()) return fail(no_tls());
  if (!file->uris.empty()) {
    opened.fleet = std::make_unique<libvirt_fleet::LibvirtFleet>(
        context.clock, options.file, std::move(*file), opened.host, entries, opened.engines, store,
        options.tls, context.stop);
    return opened;
  }
  opened.fleet = std::make_unique<hosts::ListedFleet>(context.clock, options.file, std::move(*file),
                                                      entries, opened.engines, store);
  return opened;
}

Result<OpenedFleet> open_uris(const FleetOptions& options, const std::string& store,
                              terminal::Context& context) {
  std::vector<std::string> words{options.host};
  words.insert(words.end(), options.hosts.begin(), options.hosts.end());
  GODWIT_TRY(const auto link, options.link.value());
  GODWIT_TRY(auto named,
             libvirt_fleet::hosts_by_uri(words, link ? std::optional(link->rate) : std::nullopt));
  OpenedFleet opened;
  opened.host = named.host;
  GODWIT_TRY(opened.files, hosts::files_of(context.places, named.key));
  GODWIT_TRY(const auto entries, hosts::read_record(opened.files.record));
  opened.engines = terminal::engine_maker(context, std::string(lab::kDefaultLab));
  opened.fleet = std::make_unique<libvirt_fleet::LibvirtFleet>(
      context.clock, "libvirt", std::move(named.file), opened.host, entries, opened.engines, store,
      options.tls, context.stop);
  return opened;
}

/// Its record is empty: what happens in simulation is not remembered.
Result<OpenedFleet> open_simulation(const FleetOptions& options, terminal::Context& context) {
  OpenedFleet opened;
  opened.host = options.host;
  GODWIT_TRY(const std::string text,
             terminal::read_text(options.simulated, "name the TOML file of a fleet"));
  auto file = hosts::parse_fleet_file(text, hosts::FleetUse::kSimulated);
  if (!file) return fail(file.error().while_doing(options.simulated));
  GODWIT_TRY(opened.files, hosts::files_of(context.places, "simulated"));
  opened.files.seen.clear();
  opened.engines = terminal::engine_maker(context, std::string(lab::kDefaultLab));
  opened.fleet = std::make_unique<hosts::SimulatedFleet>(options.simulated, std::move(*file));
  return opened;
}

}  // namespace

std::string name_in_fleet(const std::string& text) {
  for (const std::string_view scheme : {kLab, kLibvirt}) {
    if (text.starts_with(scheme)) return name_in_fleet(text.substr(scheme.size()));
  }
  if (text.find("://") == std::string::npos) return text;
  const std::size_t mark = text.find('#');
  return mark == std::string::npos ? hosts::name_of_uri(text) : text.substr(mark + 1);
}

const terminal::Option* FleetOptions::add_to(terminal::Command& command) {
  command
      .add_option("HOST", host,
                  "lab:NAME, libvirt:URI, or with --fleet the name of a host in that file")
      ->required();
  const terminal::Option* const fleet =
      command
          .add_option("--fleet", file,
                      "hosts, as TOML: those of libvirt's by URI; else VMs, too, and how a "
                      "destination is started (docs/evacuating.md)")
          ->type_name("FILE");
  command
      .add_option("--hosts", hosts,
                  "with libvirt:URI: the other hosts, by the URIs of their daemons (by commas, or "
                  "repeated)")
      ->once_for_each()
      ->type_name("URI,URI")
      ->excludes({fleet});
  command
      .add_option("--link", link.rate,
                  "with --hosts: how fast each host's link is (default: the slowest interface of "
                  "this machine that leads to one)")
      ->type_name("RATE")
      ->excludes({fleet});
  terminal::add_lab_name(command, lab);
  return fleet;
}

std::optional<terminal::LabEntry> FleetOptions::lab_entry() const {
  return file.empty() && simulated.empty() ? terminal::lab_entry_of(host, lab) : std::nullopt;
}

Result<OpenedFleet> open_fleet(const FleetOptions& options, const std::string& store,
                               terminal::Context& context) {
  if (!options.simulated.empty()) return open_simulation(options, context);
  if (!options.file.empty()) return open_file(options, store, context);
  if (options.host.starts_with(kLibvirt)) return open_uris(options, store, context);
  if (!options.hosts.empty() || !options.link.rate.empty()) {
    return fail(ErrorCode::kBadInput,
                fmt::format("{} is no host of libvirt's, whose hosts and links are named beside it",
                            options.host),
                "name it libvirt:URI, or leave --hosts and --link out");
  }
  if (options.host.starts_with(kLab)) return open_lab(options, store, context);
  return fail(ErrorCode::kBadInput,
              fmt::format("nobody says which fleet host '{}' is of", options.host),
              "name lab:HOST or libvirt:URI, or add --fleet FILE");
}

}  // namespace godwit::evacuation
