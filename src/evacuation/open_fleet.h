#pragma once

#include <memory>
#include <string>
#include <vector>

#include "godwit/hosts/operation.h"
#include "godwit/lab/spec.h"
#include "godwit/terminal/command.h"
#include "godwit/terminal/options.h"

/// Which fleet a command is about: a lab, or a file's.

namespace godwit::evacuation {

struct FleetOptions {
  std::string host;
  std::string lab{lab::kDefaultLab};
  std::string file;
  std::string simulated;           ///< likewise a file, whose VMs nobody runs
  std::vector<std::string> hosts;  ///< of libvirt's, by URI, beside the one that is named
  terminal::LinkOption link{};     ///< theirs
  bool tls = false;                ///< libvirt encrypts each move

  /// The argument HOST, and --fleet, which is returned, --hosts, --link and --lab.
  const terminal::Option* add_to(terminal::Command& command);
  /// For Chosen::lab.
  [[nodiscard]] std::optional<terminal::LabEntry> lab_entry() const;
};

struct OpenedFleet {
  std::string host;  ///< by the fleet's name of it
  hosts::FleetFiles files;
  hosts::EngineMaker engines;
  std::unique_ptr<hosts::Fleet> fleet;
};
/// What the fleet calls a host or VM that somebody names: "lab:b" as well as "b", and by a URI.
[[nodiscard]] std::string name_in_fleet(const std::string& text);
/// kBadInput, kNotFound; what is wrong with the file, with its line. `store`: of outcomes.
Result<OpenedFleet> open_fleet(const FleetOptions& options, const std::string& store,
                               terminal::Context& context);

}  // namespace godwit::evacuation
