#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/units.h"
#include "godwit/domain/network.h"

/// Hosts, the network between them, and which VM runs where, as values. Pure.

namespace godwit::fleet {

struct FleetHost {
  std::string name;
  std::optional<Bytes> memory{};  ///< that its VMs may take in all; absent: nobody limits it
  std::optional<int> vcpus{};     ///< likewise
  bool cordoned = false;          ///< no destination
  friend bool operator==(const FleetHost&, const FleetHost&) = default;
};

struct FleetVm {
  std::string name;
  std::string host;  ///< where it runs
  Bytes memory;
  int vcpus = 1;
  friend bool operator==(const FleetVm&, const FleetVm&) = default;
};

/// A VM that does not run, and stays where it is.
struct StoppedVm {
  std::string name;
  std::string host;
  friend bool operator==(const StoppedVm&, const StoppedVm&) = default;
};

struct Inventory {
  std::string name;  ///< for people: "lab lab", "rack7.toml"
  Network network;   ///< its hosts are those of `hosts`, in the same order
  std::vector<FleetHost> hosts;
  std::vector<FleetVm> vms;
  std::vector<StoppedVm> stopped{};
};

[[nodiscard]] std::optional<std::size_t> host_index(const Inventory& inventory,
                                                    std::string_view host);
/// Null where there is none of that name.
[[nodiscard]] const FleetVm* find_vm(const Inventory& inventory, std::string_view vm);
/// Is there a VM of that name, whether it runs or not?
[[nodiscard]] bool has_vm(const Inventory& inventory, std::string_view vm);
/// "a, b, c"
[[nodiscard]] std::string host_names(const Inventory& inventory);

}  // namespace godwit::fleet
