#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/domain/codec.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/qmp/qmp_client.h"

/// Private to qmp: QEMU's JSON to the house's values and back. Pure. QEMU's units end here: times
/// in milliseconds, `mbps` in 10^6 bits, rates of dirtying in pages.

namespace godwit::qmp {

/// kProtocol: QEMU's answer to `question` cannot be read.
Error unreadable(std::string_view question, std::string_view detail);

struct Version {
  std::string text;  ///< "10.0.2"
  int major = 0;
};
Result<Version> decode_version(const Json& json);
struct NamedRunState {
  RunState state;
  std::string name;  ///< QEMU's own word
};
Result<NamedRunState> decode_run_state(const Json& json);
Result<MigrationStatus> decode_migration(const Json& json);
Result<CapabilitySet> decode_capabilities(const Json& json);
Result<MigrationParameters> decode_parameters(const Json& json);
/// How the migration's stream is encrypted on one side; empty texts where it is not.
struct StreamTls {
  std::string credentials;    ///< the name of a QEMU object
  std::string host_name;      ///< source: what the destination's certificate must say
  std::string authorization;  ///< destination: whom it lets in
};
Result<StreamTls> decode_tls(const Json& json);
Result<std::vector<Disk>> decode_disks(const Json& json);
Result<DiskTraffic> decode_disk_traffic(const Json& json);
/// One of `query-jobs`. Of other kinds than mirrors the progress has another unit.
struct BlockJob {
  std::string id;
  bool ready = false;
  bool ended = false;
  Bytes done;
  Bytes total;
  std::string error;  ///< of one that ended; empty when it ended well
};
Result<std::vector<BlockJob>> decode_jobs(const Json& json);
/// The names of all block nodes.
Result<std::vector<std::string>> decode_nodes(const Json& json);
/// PCI functions as "1af4:1000 Ethernet controller@pci/02.0", bridges looked into.
Result<std::vector<std::string>> decode_pci(const Json& json);
/// A child of a QOM container: its name and the type behind "child<TYPE>".
struct QomChild {
  std::string name;
  std::string type;
};
Result<std::vector<QomChild>> decode_children(const Json& json);
/// Of `query-cpus-fast`: its threads, as QEMU numbers them, and where the first vCPU is in QOM.
struct Vcpus {
  std::vector<std::int64_t> threads;
  std::string first_path;  ///< empty without any
};
Result<Vcpus> decode_vcpus(const Json& json);
/// The text of `info registers -a` on x86; empty where it is of another form.
std::vector<VcpuLook> decode_registers(const std::string& text);
/// QEMU's `SocketAddressLegacy` of a URI "tcp:…" or "unix:…"; nothing for any other.
std::optional<Json> nbd_address_of(const std::string& uri);
HypervisorEvent decode_event(const QmpEvent& event);

/// Arguments of `migrate-set-parameters`: only what is set; `precopy_share` and
/// `postcopy_preempt` are none of QEMU's parameters.
Json encode_parameters(const MigrationParameters& parameters);

}  // namespace godwit::qmp
