#pragma once

#include <memory>
#include <string>
#include <vector>

#include "command.h"
#include "godwit/hosts/operation.h"
#include "godwit/lab/spec.h"

/// Which fleet a command is about: a lab, or a file's.

namespace godwit::cli {

struct FleetOptions {
  std::string host;
  std::string lab{lab::kDefaultLab};
  std::string file;
  std::string simulated;  ///< likewise a file, whose VMs nobody runs

  /// The argument HOST, and --fleet, which is returned, and --lab.
  const terminal::Option* add_to(terminal::Command& command);
  /// For Chosen::lab.
  [[nodiscard]] std::optional<terminal::LabEntry> lab_entry() const;
};

struct OpenedFleet {
  std::string host;  ///< without "lab:"
  hosts::FleetFiles files;
  hosts::EngineMaker engines;
  std::unique_ptr<hosts::Fleet> fleet;
};
/// kBadInput, kNotFound; what is wrong with the file, with its line. `store`: of outcomes.
Result<OpenedFleet> open_fleet(const FleetOptions& options, const std::string& store,
                               terminal::Context& context);

}  // namespace godwit::cli
