#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/dirtyrate/calc_dirty_rate.h"
#include "godwit/domain/disk_sharing.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/hmp/ramblock.h"
#include "godwit/qmp/qmp_client.h"
#include "godwit/qmp/schema.h"

namespace godwit::qemu {

/// How long to wait for a QEMU. A busy host may keep its monitor waiting for seconds.
struct Patience {
  Seconds greeting{5};
  Seconds command{10};
};

class QemuProcess;
class StreamSink;
struct BlockExport;
struct BlockJob;
struct GraphEdge;
struct NodeBitmap;
struct QomProperty;

/// A VM on QEMU ≥ 2.11 through its QMP monitor. Nothing but the setters and verbs of `Hypervisor`
/// changes anything on the VM: who only connects and asks is an observer. What QEMU can do is
/// decided by its schema.
class QmpHypervisor final : public Hypervisor, public DiskSharing, public DiskWatch {
 public:
  ~QmpHypervisor() override;
  /// Errors as QmpClient::connect.
  static Result<std::unique_ptr<QmpHypervisor>> connect(const std::string& path, Clock& clock,
                                                        Patience patience = {});

  /// The connection to the monitor: by it another process can tell that who has it may command this
  /// VM. It stays this object's, until its next call; absent once it was closed.
  [[nodiscard]] std::optional<int> connection() const;

  /// `accelerator` is "kvm" or else "tcg" (QEMU does not tell others apart).
  Result<VmDescription> describe() override;
  /// Devices on a bus from `info qtree`; those without one, the machine and the CPU from QOM.
  Result<Inspection> inspect() override;
  Result<std::map<std::string, bool>> cpu_features() override;
  Result<void> try_postcopy() override;
  /// All migratable blocks with their used size, so that the sum is `ram.total` of query-migrate.
  /// QEMU before 8.0 only tells where memory lies that the guest's CPUs can see: blocks outside of
  /// it (firmware tables, an unmapped video memory) are left out there; kUnsupported when the
  /// largest one is. kUnsupported too when the process behind the socket cannot be known.
  Result<RamLayout> ram_layout() override;
  Result<void> reconnect() override;
  bool known_ended() override;
  Result<RunState> run_state() override;
  Result<MigrationStatus> migration_status() override;
  DirtyMeter* dirty_meter() override;

  Result<CapabilitySet> capabilities() override;
  /// kUnsupported names the capability to be switched on that this QEMU lacks; none is set then.
  Result<void> set_capabilities(const CapabilitySet& on, const CapabilitySet& off) override;
  Result<MigrationParameters> parameters() override;
  /// kUnsupported names the parameter, or its value, that this QEMU lacks; none is set then.
  Result<void> set_parameters(const MigrationParameters& parameters) override;

  Result<void> listen(const std::string& uri) override;
  Result<Receiving> can_receive() override;
  Result<void> migrate(const std::string& uri) override;
  /// Hands QEMU one end of a socket pair (`getfd`). Nothing is executed in its place: QEMU before
  /// 9.0 under `-sandbox spawn=deny`, as libvirt starts it, is killed by `exec:`.
  Result<void> migrate_to_sink() override;
  Result<DiskTraffic> disk_traffic() override;
  /// The NBD server listens on the port after the stream's, or one of the next where that is taken:
  /// QEMU never tells which one the kernel would have chosen. Beside a stream over a UNIX socket it
  /// has a socket of its own. It has the TLS credentials of the migration.
  Result<StorageOffer> serve_storage(const std::string& listen,
                                     const std::vector<std::string>& devices) override;
  Result<void> mirror_storage(const StorageOffer& offer,
                              std::optional<BytesPerSecond> most) override;
  Result<StorageStatus> storage_status() override;
  Result<void> finish_storage() override;
  Result<void> drop_storage() override;
  Result<void> continue_switchover() override;

  /// Since QEMU 10.0, whose inactive disks can be read by others.
  DiskSharing* disk_sharing() override;
  Result<StorageOffer> share_disks(const std::string& uri,
                                   const std::vector<std::string>& devices) override;
  Result<std::vector<WrittenExport>> rotate_written() override;
  Result<void> keep_sharing() override;
  Result<void> end_sharing() override;
  Result<void> attach_source(const StorageOffer& offer, const std::vector<std::string>& devices,
                             Seconds patience) override;
  Result<void> detach_source() override;
  Result<void> fetch_rest(std::optional<BytesPerSecond> most) override;
  Result<void> pace_fetch(std::size_t disk, std::optional<BytesPerSecond> most) override;
  Result<RestStatus> rest_status() override;

  /// By dirty bitmaps, whose counts `query-block` tells: no server, and nothing is read.
  DiskWatch* disk_watch() override;
  Result<void> watch_writes(const std::vector<std::string>& devices) override;
  Result<std::vector<WrittenSoFar>> written_so_far() override;
  Result<void> end_watching() override;

  Result<void> start_postcopy() override;
  Result<void> pause_postcopy() override;
  Result<void> recover_postcopy(const std::string& uri) override;
  Result<void> resume_postcopy(const std::string& uri) override;
  /// By the monitor's `info registers`, on x86.
  Result<std::vector<VcpuLook>> look_at_vcpus() override;
  Result<void> cancel() override;
  Result<void> pause() override;
  Result<void> resume() override;
  Result<void> quit() override;

  Result<std::optional<HypervisorEvent>> next_event(TimePoint deadline) override;

 private:
  QmpHypervisor(qmp::QmpClient client, qmp::Schema schema, std::string path, Clock& clock,
                Patience patience);

  Result<void> recognise();
  Result<Json> ask(std::string_view command, const Json& arguments = Json::object());
  Result<void> order(std::string_view command, const Json& arguments = Json::object());
  Result<std::string> ask_human(const std::string& line);
  Result<std::string> qom_type(const std::string& path);
  Result<void> describe_machine(VmDescription& vm);
  Result<void> describe_cpus(VmDescription& vm);
  Result<std::optional<Json>> ask_if_there(std::string_view command,
                                           const Json& arguments = Json::object());
  Result<std::optional<Json>> qom_value(const std::string& path, std::string_view property);
  Result<std::vector<QomProperty>> qom_properties(const std::string& path);
  Result<std::map<std::string, std::string>> machine_properties();
  Result<void> inspect_devices(Inspection& found);
  Result<void> inspect_memory_and_vcpus(Inspection& found);
  Result<void> inspect_settings(Inspection& found);
  Result<CpuShape> inspect_cpu();
  Result<std::map<std::string, bool>> yes_or_no(const std::string& path,
                                                const std::vector<std::string>& properties);
  Result<std::string> first_vcpu();
  Result<std::vector<DeviceShape>> devices_without_a_bus(const std::vector<DeviceShape>& on_buses);
  Result<std::vector<VirtioShape>> virtio_devices();
  Result<std::string> pci_place(std::string device);
  Result<Json> block_nodes();
  Result<std::vector<Disk>> disks();
  Result<std::vector<Disk>> describe_disks();
  Result<std::vector<BlockJob>> block_jobs();
  Result<void> try_address(const std::string& uri);
  Result<StorageOffer> start_nbd_server(const std::string& listen, const Json& tls);
  Result<void> export_disk(const Disk& disk, const std::string& name);
  Result<void> mirror_disk(const Disk& disk, const StorageOffer& offer, std::size_t number,
                           const Json& tls, std::optional<BytesPerSecond> most);
  Result<bool> serves_for_godwit();
  Result<void> drop_mirrors();
  Result<void> share_disk(const std::string& node, const std::string& name,
                          const std::string& bitmap);
  Result<void> forget_written(const std::string& but);
  Result<std::vector<NodeBitmap>> bitmaps_named(std::string_view prefix);
  Result<void> set_active(bool active);
  Result<std::vector<BlockExport>> block_exports();
  Result<std::vector<GraphEdge>> block_graph();
  Result<std::vector<std::string>> nodes_of_source();
  Result<void> put_beneath(const std::string& node, const std::optional<std::string>& backing);
  Result<PageSize> page_size();
  Result<void> locate(std::vector<hmp::RamBlockLine>& blocks);

  qmp::QmpClient client_;
  qmp::Schema schema_;
  std::string path_;
  std::unique_ptr<QemuProcess> process_;  ///< null where it can't be seen
  std::string identity_;                  ///< by which the VM is known again
  Clock& clock_;
  Patience patience_;
  std::unique_ptr<StreamSink> sink_;
  std::optional<dirtyrate::CalcDirtyRate> meter_;
  bool serves_ = false;              ///< an NBD server that we started
  bool shares_ = false;              ///< one at the source, that shares disks
  std::vector<std::string> shared_;  ///< nodes that we share, in the order of their exports
  bool fetches_ = false;             ///< jobs of ours that fetch were begun
  int rotation_ = 0;                 ///< the number of the bitmaps that count now
};

}  // namespace godwit::qemu
