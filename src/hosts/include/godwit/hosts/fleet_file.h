#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/fleet/inventory.h"

/// A fleet as people write it down (docs/evacuating.md). Pure.

namespace godwit::hosts {

/// How a VM that is only simulated writes its memory: so much of it at random, at that rate (0:
/// it is idle).
struct SimulatedLoad {
  BytesPerSecond dirty;
  Bytes working_set;
};

struct ListedVm {
  std::string host;
  std::string monitor;          ///< its QMP socket there; empty where it is only simulated
  std::optional<Bytes> memory;  ///< absent: QEMU is asked, as for vCPUs
  std::optional<int> vcpus;
  std::optional<SimulatedLoad> load;
};

struct FleetFile {
  std::vector<fleet::FleetHost> hosts;
  Network network;  ///< its hosts are those of `hosts`, in the same order
  std::map<std::string, ListedVm> vms;
  /// Each host's daemon of libvirt's, as virsh takes it, by the host's name; its VMs are those that
  /// the daemon tells. Empty: the QEMUs of `vms`.
  std::map<std::string, std::string> uris{};
  /// Starts a QEMU on {host} that waits for {vm}, and prints its address as its last line:
  /// qmp:PATH@tcp:ADDRESS:PORT.
  std::vector<std::string> start;
  /// Ends a VM's QEMU on {host} that no longer has it; empty: QMP's quit.
  std::vector<std::string> end;
};

/// What a file is read for. A simulation needs each VM's memory and load, and neither its QMP
/// socket nor how a destination is started.
enum class FleetUse { kReal, kSimulated };

/// kBadInput with the line: what is not known, missing or named twice. Hosts of libvirt's have no
/// `start`, `end` or VMs of their own.
Result<FleetFile> parse_fleet_file(std::string_view text, FleetUse use = FleetUse::kReal);

/// The same fleet as parse_fleet_file() reads it; of a command line nothing is written.
[[nodiscard]] std::string to_toml(const FleetFile& fleet);

/// Hosts of libvirt's that no file lists: each is called as its URI names it ("kvm2" of
/// "qemu+ssh://root@kvm2/system"), or by the URI itself where that names none. All are on one
/// switch, by links of that rate. kBadInput: two of one name.
Result<FleetFile> hosts_of(const std::vector<std::string>& uris, BytesPerSecond link);
/// The name that it has there.
[[nodiscard]] std::string name_of_uri(const std::string& uri);

/// The command with its placeholders filled in.
[[nodiscard]] std::vector<std::string> filled(const std::vector<std::string>& command,
                                              const std::string& vm, const std::string& host);

}  // namespace godwit::hosts
