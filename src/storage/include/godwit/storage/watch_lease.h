#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/domain/disk_sharing.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/ports.h"

namespace godwit::storage {

/// In place of a destination in the journal.
inline constexpr std::string_view kObservationName = "observation";

/// A VM's disks are watched for as long as this lives. It is written down in the journal first, so
/// that a successor ends what this did not live to end. One thread; all that is handed in outlives
/// it.
class WatchLease {
 public:
  /// `vm`: the entry's source, with its names, process and identity.
  WatchLease(Clock& clock, Journal& journal, Hypervisor& hypervisor, JournalEntry vm);
  WatchLease(const WatchLease&) = delete;
  WatchLease& operator=(const WatchLease&) = delete;
  ~WatchLease() { end(); }

  /// On error nothing is watched: kUnsupported where the hypervisor can't, the journal's, and its
  /// own.
  Result<void> begin(const std::vector<std::string>& devices);
  /// What can't be ended stays in the journal. Without effect where nothing is watched.
  void end();
  /// Null while nothing is watched.
  [[nodiscard]] DiskWatch* watch() const { return watch_; }

 private:
  Result<void> note(std::string_view step);

  Clock& clock_;
  Journal& journal_;
  Hypervisor& hypervisor_;
  JournalEntry entry_;
  DiskWatch* watch_ = nullptr;
};

/// For a successor: ends what the one before left. True once nothing is.
[[nodiscard]] bool end_left_watch(Hypervisor& hypervisor);

}  // namespace godwit::storage
