#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "godwit/base/error.h"

namespace godwit {

/// A VM as the user names it: `lab:NAME` or `qmp:PATH`.
struct LabVm {
  std::string name;
  friend bool operator==(const LabVm&, const LabVm&) = default;
};
struct QmpVm {
  std::string socket;
  friend bool operator==(const QmpVm&, const QmpVm&) = default;
};
using VmAddress = std::variant<LabVm, QmpVm>;

/// A destination: `lab:HOST`, or `qmp:PATH@tcp:ADDR:PORT` (a QEMU started with `-incoming defer`).
struct LabHost {
  std::string name;
  friend bool operator==(const LabHost&, const LabHost&) = default;
};
struct QmpDestination {
  std::string socket;
  std::string stream;  ///< where the migration stream goes, as QEMU's URI: "tcp:10.0.0.2:4444"
  friend bool operator==(const QmpDestination&, const QmpDestination&) = default;
};
using DestinationAddress = std::variant<LabHost, QmpDestination>;

/// kBadInput with the right form when it is none.
Result<VmAddress> parse_vm(std::string_view text);
Result<DestinationAddress> parse_destination(std::string_view text);

std::string to_string(const VmAddress& address);
std::string to_string(const DestinationAddress& address);

}  // namespace godwit
