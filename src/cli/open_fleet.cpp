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
#include "godwit/terminal/options.h"
#include "godwit/terminal/shipped_files.h"

namespace godwit::cli {
namespace {

/// Of a file's name the end tells more; 255 bytes is what file systems take.
constexpr std::size_t kLongestKey = 200;

std::string key_of_file(const std::string& file) {
  std::error_code unknown;
  std::string path = std::filesystem::weakly_canonical(file, unknown).string();
  std::replace(path.begin(), path.end(), '/', '%');
  return "file-" + (path.size() > kLongestKey ? path.substr(path.size() - kLongestKey) : path);
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
  opened.fleet = std::make_unique<hosts::ListedFleet>(context.clock, options.file, std::move(*file),
                                                      entries, opened.engines, store);
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

const terminal::Option* FleetOptions::add_to(terminal::Command& command) {
  command.add_option("HOST", host, "lab:NAME, or with --fleet the name of a host in that file")
      ->required();
  const terminal::Option* const fleet =
      command
          .add_option("--fleet", file,
                      "hosts, VMs, and how a destination is started, as TOML (docs/evacuating.md)")
          ->type_name("FILE");
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
  if (options.host.starts_with("lab:")) return open_lab(options, store, context);
  return fail(ErrorCode::kBadInput,
              fmt::format("nobody says which fleet host '{}' is of", options.host),
              "name lab:HOST, or add --fleet FILE");
}

}  // namespace godwit::cli
