#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/domain/cpu_quota.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/outcome.h"

/// Ports: what services need from the outside world. Adapters on floor 3 (and fakes) implement
/// them.

namespace godwit {

/// Reads one VM's memory from outside, without stopping it. Errors: kPeerGone when the VM exits
/// while being read, kPermission when a right is missing (the message names it).
class GuestMemory {
 public:
  /// Called with the position in `pages` and the page's bytes, valid only during the call.
  using PageVisitor = std::function<void(std::size_t, std::span<const std::byte>)>;

  GuestMemory() = default;
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;
  virtual ~GuestMemory() = default;

  [[nodiscard]] virtual const RamLayout& layout() const = 0;
  /// Visits pages by their index over all blocks of the layout, in order; ascending is fastest.
  virtual Result<void> visit_pages(std::span<const std::int64_t> pages,
                                   const PageVisitor& visit) = 0;
  /// CPU time that the vCPU threads have used so far; absent where threads can't be told apart.
  virtual Result<std::optional<Seconds>> vcpu_time() = 0;
  /// CPU time that the reader itself has used so far, to keep it under its cap.
  [[nodiscard]] virtual Seconds own_cpu_time() const = 0;
  /// CPUs of its host that the VM's process may run on; absent where nobody knows.
  [[nodiscard]] virtual std::optional<int> host_cpus() const = 0;
};

/// What a VM has done since its start, or since the counter was made; absent where it is not
/// counted.
struct ActivityCount {
  std::optional<Bytes> disk_read;
  std::optional<Bytes> disk_written;
  std::optional<Bytes> net_sent;  ///< by the guest
  std::optional<Bytes> net_received;
  std::optional<std::int64_t> instructions;
  std::optional<std::int64_t> cache_misses;
};
class ActivityCounter {
 public:
  ActivityCounter() = default;
  ActivityCounter(const ActivityCounter&) = delete;
  ActivityCounter& operator=(const ActivityCounter&) = delete;
  virtual ~ActivityCounter() = default;
  virtual ActivityCount count() = 0;
};

/// One question to the guest.
struct ProbeAnswer {
  std::int64_t asked_wall_us = 0;
  std::optional<std::int64_t> answered_wall_us;  ///< absent: no answer came
};

/// What a client on the network saw.
struct ProbeReport {
  std::int64_t sent = 0;
  std::int64_t answered = 0;
  Seconds longest_gap{};  ///< between two answers (or from the last answer to the end)
  Seconds usual_gap{};    ///< median of gaps between answers
  std::int64_t longest_gap_start_wall_us = 0;
  std::vector<ProbeAnswer> answers;  ///< every question from the first that was answered on
  /// The outage: longest gap less the usual one.
  [[nodiscard]] Seconds outage() const { return longest_gap - usual_gap; }
};

/// Asks the guest something once a millisecond and notes when it answered.
class OutageProbe {
 public:
  OutageProbe() = default;
  OutageProbe(const OutageProbe&) = delete;
  OutageProbe& operator=(const OutageProbe&) = delete;
  virtual ~OutageProbe() = default;

  /// Returns once the guest answered for the first time; kTimeout when it doesn't within
  /// `patience`.
  virtual Result<void> start(Seconds patience) = 0;
  /// Ends probing. Late answers are awaited for up to `linger`.
  virtual Result<ProbeReport> stop(Seconds linger) = 0;
  /// Has the guest answered a request that was sent after `since_wall_us`?
  [[nodiscard]] virtual bool answered_since(std::int64_t since_wall_us) const = 0;
};

enum class Side { kSource, kDestination };

/// One look at the guest from inside or by its console; absent = this check can't tell.
struct GuestVitals {
  std::optional<std::int64_t> work;    ///< its load's counter of work done
  std::optional<Seconds> clock;        ///< its own monotonic clock
  std::optional<Seconds> longest_gap;  ///< longest gap of that clock since the last reset
  std::optional<std::string> oops;     ///< what its kernel complained of, if it did
};

/// Tells whether a guest is alive and well.
class GuestCheck {
 public:
  GuestCheck() = default;
  GuestCheck(const GuestCheck&) = delete;
  GuestCheck& operator=(const GuestCheck&) = delete;
  virtual ~GuestCheck() = default;

  /// The newest that is known from the VM's console and report on that side.
  virtual Result<GuestVitals> look(Side side) = 0;
};

/// Byte counters of the migration network at the source.
class WireCounter {
 public:
  WireCounter() = default;
  WireCounter(const WireCounter&) = delete;
  WireCounter& operator=(const WireCounter&) = delete;
  virtual ~WireCounter() = default;
  virtual Result<Bytes> sent() = 0;
};

/// Which outcomes are asked for. What is absent does not matter.
struct HistoryQuery {
  std::optional<std::string> source;  ///< the VM, by the address that its user gave it
  /// The destination: this address, or any other whose stream leads to the same host.
  std::optional<std::string> destination;
  std::optional<std::int64_t> since_wall_us;  ///< that began then or later
  std::int64_t limit = 100;                   ///< the newest so many of them
};

/// Keeps outcomes. Safe with several processes at once.
class OutcomeStore {
 public:
  OutcomeStore() = default;
  OutcomeStore(const OutcomeStore&) = delete;
  OutcomeStore& operator=(const OutcomeStore&) = delete;
  virtual ~OutcomeStore() = default;

  /// Returns the record's id. The record is on disk when this returns.
  virtual Result<std::int64_t> append(const OutcomeRecord& record) = 0;
  /// The records that the query asks for, newest first.
  virtual Result<std::vector<OutcomeRecord>> find(const HistoryQuery& query) = 0;
};

/// A VM's migration settings that were borrowed: what is to be given back.
struct Lease {
  MigrationSettings before;  ///< all capabilities that were on, and the parameters to be changed
  /// What they were changed to. A setting that is no longer so was changed by somebody else since,
  /// and stays. A parameter that is absent here was changed again and again: it is given back
  /// whatever it is now.
  MigrationSettings borrowed;
  friend bool operator==(const Lease&, const Lease&) = default;
};

/// Where a migration stands, written before each step that could leave a VM in an odd place, so
/// that a successor knows what to look at after a crash.
struct JournalEntry {
  std::string source;
  std::string destination;
  /// Processes by number and start (VmDescription::process_started); 0 where they can't be known.
  std::int64_t source_pid = 0;
  std::int64_t source_started = 0;
  std::int64_t destination_pid = 0;
  std::int64_t destination_started = 0;
  std::string source_identity;  ///< VmDescription::identity
  std::string destination_identity;
  std::string step;  ///< "preparing", "mirroring", "migrating", "postcopy", "done", …
  std::int64_t wall_us = 0;
  /// The Godwit that wrote it; filled in by the journal where it is 0.
  std::int64_t writer_pid = 0;
  std::int64_t writer_started = 0;
  /// Boot and process namespace of the host that wrote it: numbers of processes mean nothing in
  /// another one.
  std::string writer_world{};
  /// Absent: nothing was borrowed of that side, or it was given back.
  std::optional<Lease> source_lease{};
  std::optional<Lease> destination_lease{};
  /// Borrowed of the source's host, to slow the VM's vCPUs down; absent as above.
  std::optional<LentCpu> source_cpu{};
  /// Of the migration or rehearsal, the same in all its entries; filled in by the journal where it
  /// is empty. Empty in what older versions wrote.
  std::string id{};
  friend bool operator==(const JournalEntry&, const JournalEntry&) = default;
};
class Journal {
 public:
  Journal() = default;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  virtual ~Journal() = default;
  virtual Result<void> record(const JournalEntry& entry) = 0;
};

}  // namespace godwit
