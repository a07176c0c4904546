#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/json.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/hmp/qtree.h"
#include "godwit/qmp/qmp_client.h"

/// Private to qemu: QEMU's JSON to the house's values and back. Pure. QEMU's units end here: times
/// in milliseconds, `mbps` in 10^6 bits, rates of dirtying in pages.

namespace godwit::qemu {

/// The ids of Godwit's own block jobs begin so.
inline constexpr std::string_view kMirrorJob = "godwit-mirror-";

struct Version {
  std::string text;  ///< "10.0.2"
  int major = 0;
  int minor = 0;
};
Result<Version> decode_version(const Json& json);
struct NamedRunState {
  RunState state;
  std::string name;  ///< QEMU's own word
};
Result<NamedRunState> decode_run_state(const Json& json);
Result<MigrationStatus> decode_migration(const Json& json);
Result<CapabilitySet> decode_capabilities(const Json& json);
/// The names of those that are on and that Godwit does not know.
Result<std::vector<std::string>> decode_other_capabilities(const Json& json);
Result<MigrationParameters> decode_parameters(const Json& json);
/// How the migration's stream is encrypted on one side; empty texts where it is not.
struct StreamTls {
  std::string credentials;    ///< the name of a QEMU object
  std::string host_name;      ///< source: what the destination's certificate must say
  std::string authorization;  ///< destination: whom it lets in
};
Result<StreamTls> decode_tls(const Json& json);
/// `drives` tells where their devices are; without, nothing is said of places.
Result<std::vector<Disk>> decode_disks(const Json& json,
                                       const std::vector<hmp::DrivePlace>& drives = {});
/// Of `query-fdsets`: a descriptor of each set, by the set's number.
Result<std::map<int, int>> decode_fd_sets(const Json& json);
Result<DiskTraffic> decode_disk_traffic(const Json& json);
/// One of `query-jobs`. Of other kinds than mirrors the progress has another unit.
struct BlockJob {
  std::string id;
  std::string type;  ///< "mirror", "backup" …
  bool ready = false;
  bool ended = false;
  Bytes done;
  Bytes total;
  std::string error;  ///< of one that ended; empty when it ended well
};
Result<std::vector<BlockJob>> decode_jobs(const Json& json);
/// Godwit's own.
bool is_mirror(const BlockJob& job);
/// The names of all block nodes.
Result<std::vector<std::string>> decode_nodes(const Json& json);
/// The ids of all block exports.
Result<std::vector<std::string>> decode_exports(const Json& json);
/// The dirty bitmaps of `query-block` that have a name: those without are a block job's own.
Result<std::vector<DiskBitmap>> decode_bitmaps(const Json& json);
/// A property of a QOM object; a part of it has the type "child<TYPE>".
struct QomProperty {
  std::string name;
  std::string type;
};
Result<std::vector<QomProperty>> decode_properties(const Json& json);
/// The type of a part, nothing for other properties.
std::optional<std::string> child_type(const QomProperty& property);
/// A property's value for comparing: texts as they are, the rest as JSON.
std::string plain_value(const Json& value);
/// The members of the structs of `/machine`: "smp.maxcpus", "memory.slots".
void flatten(const std::string& name, const Json& value, std::map<std::string, std::string>& into);
/// `feature-words` of an x86 CPU, by the register that shows them: "CPUID 7.0 EBX".
Result<std::map<std::string, std::uint64_t>> decode_feature_words(const Json& json);
/// Of `query-memory-devices`: DIMMs, virtio-mem …, without what changes while the guest runs.
Result<std::vector<DeviceShape>> decode_memory_devices(const Json& json);
/// Of `query-hotpluggable-cpus`: the vCPUs that are there, and how many there may be.
struct VcpuPlaces {
  std::vector<DeviceShape> present;
  std::int64_t most = 0;
};
Result<VcpuPlaces> decode_hotpluggable_cpus(const Json& json);
/// A virtio device of `x-query-virtio`.
struct VirtioPath {
  std::string name;
  std::string path;
};
Result<std::vector<VirtioPath>> decode_virtio_paths(const Json& json);
/// `x-query-virtio-status`, without `device`.
Result<VirtioShape> decode_virtio_status(const Json& json);
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
HypervisorEvent decode_event(const qmp::QmpEvent& event);

/// Arguments of `migrate-set-parameters`: only what is set; `precopy_share` and
/// `postcopy_preempt` are none of QEMU's parameters.
Json encode_parameters(const MigrationParameters& parameters);

}  // namespace godwit::qemu
