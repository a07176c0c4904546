#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/technique.h"

namespace godwit {

enum class RunState {
  kRunning,
  kPaused,         ///< paused by somebody's `stop`
  kPrelaunch,      ///< started with -S
  kInmigrate,      ///< waits for, or receives, an incoming migration
  kPostmigrate,    ///< gave its guest away: must never be resumed
  kFinishMigrate,  ///< stopped for the last part of an outgoing migration
  kShutdown,
  kSuspended,  ///< the guest sleeps (ACPI S3)
  kIoError,    ///< stopped because a disk failed
  kBroken,     ///< internal-error, guest-panicked
  kOther,
};
[[nodiscard]] std::string_view to_string(RunState state);

enum class MigrationPhase {
  kNone,
  kSetup,
  kActive,
  kPreSwitchover,
  kDevice,
  kPostcopyActive,
  kPostcopyPaused,  ///< the link broke during post-copy: both sides hold a part of the guest
  kCompleted,
  kCancelling,
  kCancelled,
  kFailed,
  kOther,  ///< one that this Godwit does not know: not final, and nothing may be ordered in it
};
[[nodiscard]] std::string_view to_string(MigrationPhase phase);
/// Completed, cancelled or failed: nothing more happens by itself.
[[nodiscard]] bool is_final(MigrationPhase phase);

/// Optional abilities of QEMU's migration code (`migrate-set-capabilities`).
enum class Capability {
  kEvents,
  kReturnPath,  ///< the destination answers: the source knows whether it took the guest
  kAutoConverge,
  kXbzrle,
  kCompress,
  kMultifd,
  kPostcopyRam,
  kPostcopyPreempt,
  kPauseBeforeSwitchover,
  kSwitchoverAck,  ///< no switchover before the destination says that it is ready for it
};
[[nodiscard]] std::string_view to_string(Capability capability);
[[nodiscard]] std::optional<Capability> capability_from_string(std::string_view name);
using CapabilitySet = std::set<Capability>;
/// What both sides must be able to do for a technique.
[[nodiscard]] CapabilitySet capabilities_needed(Technique technique);

/// Migration settings as one side has them.
struct MigrationSettings {
  CapabilitySet on;
  MigrationParameters parameters;
  friend bool operator==(const MigrationSettings&, const MigrationSettings&) = default;
};

struct Disk {
  std::string device;  ///< the user's name for it on this side, e.g. "virtio0"
  std::string file;    ///< empty for an empty drive
  std::string format;
  bool writable = false;
  std::string node{};                ///< the block node behind it; empty where it has no name
  std::optional<Bytes> size{};       ///< as the guest sees it
  std::optional<Bytes> allocated{};  ///< of it, what takes room on the host
  /// A firmware's flash: the guest sees it as memory, and it is sent with that. The destination
  /// writes what it gets into a file of its own.
  bool travels_with_memory = false;
  std::string image_version{};     ///< of qcow2: "0.10", "1.1"
  std::optional<Bytes> cluster{};  ///< what its image allocates at a time
  bool has_backing = false;        ///< it shows what other images beneath it hold
  /// Where the device is that has it, as DeviceShape::place: equal on both sides, whatever the
  /// names are. Empty where no device has it, or the place is not known.
  std::string place{};
  std::optional<int> descriptor{};  ///< in its process, of one that was handed to it
  friend bool operator==(const Disk&, const Disk&) = default;
};
/// The same of the guest's disks on the other side: in the same place, or of the same name where
/// neither has a place. Null where there is none.
[[nodiscard]] const Disk* counterpart(const Disk& disk, const std::vector<Disk>& others);

/// What must agree on both sides before a migration, and what decides what is possible.
struct VmDescription {
  std::string name;
  std::string version;  ///< "10.0.2"
  int version_major =
      0;  ///< for rules that no schema shows: combination_rule.h, control/tcg_rule.h
  int version_minor = 0;
  std::string accelerator;  ///< "tcg", "kvm"
  std::string machine;      ///< "pc-i440fx-10.0"
  std::string cpu_model;    ///< "qemu64-x86_64-cpu"
  int vcpus = 0;
  std::vector<std::int64_t> vcpu_threads{};  ///< by vCPU, as QEMU itself numbers its threads
  Bytes ram;                                 ///< the guest's memory, plugged memory included
  std::vector<Disk> disks;
  CapabilitySet can;  ///< from the schema, never from the version
  RunState state = RunState::kOther;
  std::string state_name;  ///< the hypervisor's own word for it
  /// Of the QEMU process; 0 where it runs on another host, in a process namespace that can't be
  /// seen, or behind a forwarder: nothing of this host may then be asked about it.
  std::int64_t pid = 0;
  /// When that process started, in the kernel's clock ticks since boot; 0 with pid 0. Both together
  /// name a process for ever.
  std::int64_t process_started = 0;
  std::string identity{};     ///< the same for the same VM, by whatever way it is asked
  std::string answered_by{};  ///< who answers on the monitor's socket where that is not QEMU itself
};

/// A device as it was configured, the board's own devices included.
struct DeviceShape {
  std::string type;  ///< "virtio-net-pci"
  /// Where it is, as the guest and the migration stream name it: "q35-pcihost/01.0/00.0". It holds
  /// no names that a user may choose.
  std::string place;
  std::string id;  ///< the user's name for it; empty without. For messages: it need not agree
  /// What the guest can notice of it. Files, backends and tuning of the host are left out.
  std::map<std::string, std::string> properties;
  friend bool operator==(const DeviceShape&, const DeviceShape&) = default;
};

/// What a virtio device and its driver have agreed upon.
struct VirtioShape {
  std::string device;  ///< "virtio-net at 01.0/00.0": equal on both sides
  std::set<std::string> offered;
  std::set<std::string> taken;  ///< by the guest's driver; empty while there is none
  friend bool operator==(const VirtioShape&, const VirtioShape&) = default;
};

/// What the guest sees of its first CPU. All have the same model.
struct CpuShape {
  std::map<std::string, std::string> properties;  ///< "family", "phys-bits", "hv-spinlocks" …
  /// Bits of features by the register that shows them ("CPUID 7.0 EBX"). Empty where the
  /// hypervisor does not count features so.
  std::map<std::string, std::uint64_t> words;
  /// Features by name: those that `words` do not show ("vmx-ept", "pmu", "lmce"), or all of them
  /// without `words`. `Hypervisor::cpu_features()` has the names of the others.
  std::map<std::string, bool> features;
  friend bool operator==(const CpuShape&, const CpuShape&) = default;
};

/// A job on a disk's contents (backup, mirror, …) that somebody started and that has not ended.
struct DiskJob {
  std::string id;
  std::string type;
  friend bool operator==(const DiskJob&, const DiskJob&) = default;
};

/// A dirty bitmap that somebody keeps on a disk, as for incremental backups.
struct DiskBitmap {
  std::string disk;  ///< as Disk::device
  std::string name;
  bool in_image = false;  ///< kept by the disk's image (qcow2), wherever that is opened
  friend bool operator==(const DiskBitmap&, const DiskBitmap&) = default;
};

/// What only a comparison of both sides needs: how the machine is built, and what somebody has set
/// up on it that a migration would break, lose, or be broken by.
struct Inspection {
  std::map<std::string, std::string> machine;  ///< properties that the guest can notice, by name
  std::vector<DeviceShape> devices;            ///< sorted by place and type
  std::map<std::string, Bytes> ram_blocks;     ///< that are migrated: the most they can hold
  Bytes base_memory;                           ///< without what was plugged
  std::vector<VirtioShape> virtio;             ///< empty but of QEMU 7.2 to 10.0, which tell
  CpuShape cpu;
  std::string uuid;
  std::vector<std::string> other_capabilities;  ///< on, and none that Godwit knows
  CapabilitySet on;                             ///< on, of those that it knows
  std::vector<DiskJob> disk_jobs;               ///< Godwit's own left out
  std::vector<DiskBitmap> disk_bitmaps;
  std::vector<std::string> disk_exports;  ///< disks that it serves by NBD, by the exports' names
  std::string tls;                        ///< tls-creds of migrations; empty: not encrypted
  friend bool operator==(const Inspection&, const Inspection&) = default;
};

/// A block of guest RAM in the QEMU process.
struct RamBlock {
  std::string name;
  Bytes size;
  std::uint64_t host_address = 0;  ///< in the QEMU process's address space
  friend bool operator==(const RamBlock&, const RamBlock&) = default;
};
struct RamLayout {
  std::int64_t pid = 0;  ///< the QEMU process
  PageSize page_size{4096};
  std::vector<RamBlock> blocks;
  friend bool operator==(const RamLayout&, const RamLayout&) = default;
};
[[nodiscard]] Bytes total_size(const RamLayout& layout);

/// `query-migrate` at one instant. Absent = the hypervisor did not say.
struct MigrationStatus {
  MigrationPhase phase = MigrationPhase::kNone;
  std::string error;  ///< QEMU's error-desc
  std::optional<Seconds> total_time;
  std::optional<Seconds> setup_time;
  std::optional<Seconds> downtime;
  std::optional<Seconds> expected_downtime;
  std::optional<Bytes> transferred;
  std::optional<Bytes> remaining;
  std::optional<Bytes> total;
  std::optional<PageCount> zero_pages;
  std::optional<PageCount> normal_pages;
  std::optional<Bytes> page_size;  ///< of the pages counted here
  std::optional<std::int64_t> dirty_sync_count;
  std::optional<BytesPerSecond> dirty_rate;
  std::optional<BytesPerSecond> throughput;
  std::optional<std::int64_t> postcopy_requests;
  std::optional<int> throttle_percent;
  /// Destination: where it listens already, as URIs ("tcp:10.0.0.2:4444").
  std::vector<std::string> listens_on;
  /// Source: why this VM can't be migrated now, in the hypervisor's words; empty where it can.
  std::vector<std::string> blocked_by;
};

/// Pages that were sent, and their size (4 KiB where nothing sensible is said).
[[nodiscard]] PageCount pages_sent(const MigrationStatus& status);
[[nodiscard]] PageSize page_size(const MigrationStatus& status);

/// Where a destination offers its disks to be filled.
struct StorageOffer {
  struct Export {
    std::string device;  ///< Disk::device of who is asked: of the destination, then the source
    std::string name;    ///< on that server
    friend bool operator==(const Export&, const Export&) = default;
  };
  std::string host;
  int port = 0;
  std::vector<Export> exports;
  std::string socket{};    ///< instead of host and port: the path of a UNIX socket
  bool encrypted = false;  ///< by the TLS of the destination's migration
  friend bool operator==(const StorageOffer&, const StorageOffer&) = default;
};

/// The same offer for a source that connects to `stream` where the destination listens on `listen`:
/// ports keep their distance. kBadInput where there is no such port.
[[nodiscard]] Result<StorageOffer> as_reached(StorageOffer offer, const std::string& listen,
                                              const std::string& stream);

/// The mirrors of a source's disks at one instant.
struct StorageStatus {
  int mirrors = 0;     ///< that exist, ended ones included
  int running = 0;     ///< of them, not ended
  bool ready = false;  ///< every one has caught up with its disk, and keeps up
  std::string error;   ///< why one failed; empty while none has
  Bytes done;          ///< of `total`; both grow with what the guest writes
  Bytes total;
  friend bool operator==(const StorageStatus&, const StorageStatus&) = default;
};

/// What a VM's disks have read and written since its start.
struct DiskTraffic {
  Bytes read;
  Bytes written;
  friend bool operator==(const DiskTraffic&, const DiskTraffic&) = default;
};

/// Something that the hypervisor said by itself.
struct HypervisorEvent {
  enum class Kind {
    kMigration,
    kPass,
    kStop,
    kResume,
    kShutdown,
    kReset,
    kPanicked,
    kIoError,  ///< of one of the guest's disks
    kOther
  };
  Kind kind = Kind::kOther;
  MigrationPhase phase = MigrationPhase::kNone;  ///< of kMigration
  std::int64_t pass = 0;                         ///< of kPass
  bool by_guest = false;                         ///< of kShutdown and kReset: the guest's own doing
  std::int64_t wall_us = 0;                      ///< its own timestamp, microseconds since 1970
  std::string name;                              ///< as the hypervisor calls it
};

/// What a destination is good for.
enum class Receiving {
  kReady,    ///< waits to be told where to listen
  kListens,  ///< listens, and nothing came yet: a source may connect
  kSpent,    ///< a stream came, or listening failed: its process must be started anew
};
/// For a person: can that destination be used again?
[[nodiscard]] std::string_view advice_on(Receiving receiving);
/// kBadInput where a destination, by its own status, can't receive at `uri`: a stream has come to
/// it already, or it listens elsewhere. An empty `uri` means wherever it listens.
[[nodiscard]] Result<void> check_receiver(const MigrationStatus& status, const std::string& uri);

/// What can be seen of a virtual CPU from outside.
struct VcpuLook {
  std::uint64_t instruction = 0;       ///< where it executes
  bool halted = false;                 ///< it waits for an interrupt
  bool interrupts_enabled = true;      ///< halted without them it waits for ever
  std::optional<int> privilege_level;  ///< 0: kernel, 3: a program
  /// What all vCPUs of the VM have had of the host's processors so far, where that can be seen.
  std::optional<Seconds> cpu_time{};
};

class DirtyMeter;
class DiskSharing;
class DiskWatch;

/// One VM on one hypervisor process: adapters (qemu) and the twin implement it. Calls block up to
/// the adapter's command deadline. Errors: kTimeout, kPeerGone, kProtocol, kRefused, kUnsupported.
/// kPeerGone means that the connection is lost, and nothing more: `known_ended()` tells whether the
/// process is. Not thread-safe; one owner drives it.
class Hypervisor {
 public:
  Hypervisor() = default;
  Hypervisor(const Hypervisor&) = delete;
  Hypervisor& operator=(const Hypervisor&) = delete;
  virtual ~Hypervisor() = default;

  /// Connects anew after kPeerGone; events in between are lost. kBadInput when another VM answers
  /// now; kPeerGone, kNotFound, kBusy, kTimeout when it can't be reached (try again).
  virtual Result<void> reconnect() { return fail(ErrorCode::kUnsupported, "cannot reconnect"); }
  /// True only where the process that runs the VM is known to have ended: by a handle on the
  /// process itself, never by a lost connection. False means: not known.
  [[nodiscard]] virtual bool known_ended() { return false; }

  virtual Result<VmDescription> describe() = 0;
  /// Changes nothing. Takes some hundred questions on QEMU.
  virtual Result<Inspection> inspect() { return Inspection{}; }
  /// Every feature of the first CPU by name; hundreds of questions.
  virtual Result<std::map<std::string, bool>> cpu_features() {
    return std::map<std::string, bool>();
  }
  /// Destination that waits: may it do post-copy on its host? Changes nothing. kRefused with the
  /// hypervisor's reason; success also where it can't be told beforehand.
  virtual Result<void> try_postcopy() { return {}; }
  virtual Result<RamLayout> ram_layout() = 0;
  virtual Result<RunState> run_state() = 0;
  virtual Result<MigrationStatus> migration_status() = 0;
  /// What counts the pages that its guest dirties; null: nothing does. It lives as long as this.
  virtual DirtyMeter* dirty_meter() { return nullptr; }

  virtual Result<CapabilitySet> capabilities() = 0;  ///< those that are switched on
  virtual Result<void> set_capabilities(const CapabilitySet& on, const CapabilitySet& off) = 0;
  virtual Result<MigrationParameters> parameters() = 0;
  virtual Result<void> set_parameters(const MigrationParameters& parameters) = 0;

  /// Destination: starts to listen, unless it listens there already. A load that fails does not end
  /// its process where QEMU can do that (9.1). Errors say whether it can be used again; kBadInput:
  /// it listens elsewhere.
  virtual Result<void> listen(const std::string& uri) = 0;
  /// Destination: asks whether it can (still) receive a guest. Nothing changes.
  virtual Result<Receiving> can_receive() {
    return fail(ErrorCode::kUnsupported, "this hypervisor does not tell what it can receive");
  }
  /// Source: starts to migrate (`migrate`).
  virtual Result<void> migrate(const std::string& uri) = 0;
  /// Source: starts to migrate into a sink of the adapter's own, which throws the stream away and
  /// never answers. The sink ends with this object, and with its process however that dies: the
  /// hypervisor then ends the migration by itself and the guest runs on. kUnsupported where the
  /// adapter has none.
  virtual Result<void> migrate_to_sink() {
    return fail(ErrorCode::kUnsupported, "there is no local sink to migrate into");
  }
  /// Over all its disks; kUnsupported where nobody counts.
  virtual Result<DiskTraffic> disk_traffic() {
    return fail(ErrorCode::kUnsupported, "this hypervisor does not count its disks' traffic");
  }
  // --- the disks' part of a migration that takes them along; kUnsupported where there is none ---

  /// Destination: offers these of its disks (Disk::device) at the address of `listen`, on a port of
  /// its own; encrypted where its migration is.
  virtual Result<StorageOffer> serve_storage(const std::string& listen,
                                             const std::vector<std::string>& devices) {
    (void)listen, (void)devices;
    return no_storage();
  }
  /// Source: begins to copy each of its disks that the offer names into what is offered for it.
  /// What the guest writes meanwhile follows. `most` is each mirror's limit. A disk at the
  /// destination that fails ends its mirror; the guest never notices. kBadInput where one side's
  /// migration is encrypted and the other's is not.
  virtual Result<void> mirror_storage(const StorageOffer& offer,
                                      std::optional<BytesPerSecond> most) {
    (void)offer, (void)most;
    return no_storage();
  }
  virtual Result<StorageStatus> storage_status() { return no_storage(); }
  /// Source, once all are ready: has the mirrors write what is left, and end. The guest stays on
  /// its own disks. They have ended when the status counts none as running; without an error then,
  /// the disks are equal as of the end.
  virtual Result<void> finish_storage() { return no_storage(); }
  /// Either side, at any time: ends serving, gives running mirrors up, forgets ended ones. To be
  /// called again until the status counts no mirrors; each call does what can be done by then.
  virtual Result<void> drop_storage() { return no_storage(); }
  /// What it does for a guest whose disks are not all there when it moves; null: it can't. It lives
  /// as long as this.
  virtual DiskSharing* disk_sharing() { return nullptr; }
  /// What tells how its disks are written; null: nothing does. It lives as long as this.
  virtual DiskWatch* disk_watch() { return nullptr; }
  /// Source: goes on from pre-switchover.
  virtual Result<void> continue_switchover() { return no_storage(); }

  virtual Result<void> start_postcopy() = 0;
  /// Either side, in post-copy over a dead link: gives the connection up (`migrate-pause`). The
  /// migration can be recovered later. kUnsupported before QEMU 3.0.
  virtual Result<void> pause_postcopy() {
    return fail(ErrorCode::kUnsupported, "this hypervisor cannot give up a post-copy's link");
  }
  /// Destination of a post-copy whose link broke: listens at `uri` once more (`migrate-recover`),
  /// for a source that resumes. kUnsupported before QEMU 3.0, as is the next.
  virtual Result<void> recover_postcopy(const std::string& uri) {
    (void)uri;
    return fail(ErrorCode::kUnsupported, "this hypervisor cannot recover a post-copy");
  }
  /// Source of such a one: connects to `uri` and goes on (`migrate` with `resume`). Success means
  /// that it tries to.
  virtual Result<void> resume_postcopy(const std::string& uri) {
    (void)uri;
    return fail(ErrorCode::kUnsupported, "this hypervisor cannot recover a post-copy");
  }
  /// Each vCPU at this instant; kUnsupported where they can't be looked at.
  virtual Result<std::vector<VcpuLook>> look_at_vcpus() {
    return fail(ErrorCode::kUnsupported, "this hypervisor does not show its vCPUs");
  }
  virtual Result<void> cancel() = 0;
  virtual Result<void> pause() = 0;   ///< `stop`
  virtual Result<void> resume() = 0;  ///< `cont`
  virtual Result<void> quit() = 0;

  /// The next event, or nothing when `deadline` passes. kPeerGone when the connection is lost.
  virtual Result<std::optional<HypervisorEvent>> next_event(TimePoint deadline) = 0;

 private:
  static tl::unexpected<Error> no_storage() {
    return fail(ErrorCode::kUnsupported, "this hypervisor moves no disks");
  }
};

}  // namespace godwit
