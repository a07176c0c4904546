#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/domain/hypervisor.h"

/// Disks of which a share is copied before the guest moves, and the rest afterwards (Zhang's S);
/// and how disks are written.

namespace godwit {

/// Where it is read what was written to a disk since its bitmap was last rotated.
struct WrittenExport {
  std::string name;    ///< of the export
  std::string bitmap;  ///< NBD's context is "qemu:dirty-bitmap:" and this
  friend bool operator==(const WrittenExport&, const WrittenExport&) = default;
};

/// A part of a disk that the destination does not have: data, or a hole of the source's.
struct AbsentRange {
  Bytes begin;
  Bytes end;
  bool holds_data = false;
  friend bool operator==(const AbsentRange&, const AbsentRange&) = default;
};

/// A job that fetches one disk's rest, from the disk's beginning on.
struct FetchJob {
  std::size_t disk = 0;  ///< its number in the order of `attach_source`
  Bytes position;        ///< up to where it has come
  friend bool operator==(const FetchJob&, const FetchJob&) = default;
};

/// What is still at the source of disks whose guest runs at the destination.
struct RestStatus {
  int disks = 0;      ///< that still need their source
  int running = 0;    ///< of them, with a job that fetches
  std::string error;  ///< of a job that ended; empty while none has failed
  Bytes done;         ///< of `total`, as the jobs count: empty parts included
  Bytes total;
  std::vector<FetchJob> jobs{};  ///< those that run
  friend bool operator==(const RestStatus&, const RestStatus&) = default;
};

/// A hypervisor whose guest can run on a disk that is not all there. Everything it sets up has
/// names of Godwit's own, so that a successor finds it. Threading and errors as `Hypervisor`.
class DiskSharing {
 public:
  DiskSharing() = default;
  DiskSharing(const DiskSharing&) = delete;
  DiskSharing& operator=(const DiskSharing&) = delete;
  virtual ~DiskSharing() = default;

  // --- source ---

  /// Serves these disks read-only beside `uri` ("tcp:HOST:PORT", on one of the next ports), also
  /// once the guest has left, and counts what is written to them from now on. The exports are in
  /// the order of `devices`. kBadInput where the migration is encrypted, or another server runs.
  virtual Result<StorageOffer> share_disks(const std::string& uri,
                                           const std::vector<std::string>& devices) = 0;
  /// Begins to count anew, at one moment for all disks, and says where to read what was written
  /// until then. What the rotation before said is gone.
  virtual Result<std::vector<WrittenExport>> rotate_written() = 0;
  /// After the guest has left: lets the served disks answer block status again, which fetching
  /// needs. Not before: it locks the images.
  virtual Result<void> keep_sharing() = 0;
  /// Ends serving and counting; without effect where there is none. The destination must not need
  /// it any more.
  virtual Result<void> end_sharing() = 0;

  // --- destination ---

  /// Before the guest runs: puts what is offered beneath its disks, in the order of `devices`.
  /// Reads of what is absent then wait for `patience` when the source can't be reached, and fail.
  virtual Result<void> attach_source(const StorageOffer& offer,
                                     const std::vector<std::string>& devices, Seconds patience) = 0;
  /// Takes it away again, while the guest does not run here. Without effect where there is none.
  virtual Result<void> detach_source() = 0;
  /// Fetches in the background what is still absent; `most` is the limit of all disks together.
  /// Begins anew what failed, and clears away what has ended well.
  virtual Result<void> fetch_rest(std::optional<BytesPerSecond> most) = 0;
  /// Another limit for one disk's job; nothing: none. Without effect on one that has ended.
  virtual Result<void> pace_fetch(std::size_t disk, std::optional<BytesPerSecond> most) = 0;
  virtual Result<RestStatus> rest_status() = 0;
};

/// The same disk at both sides' servers.
struct DiskRoute {
  std::string from;  ///< the export's name at the source
  std::string to;    ///< at the destination
  friend bool operator==(const DiskRoute&, const DiskRoute&) = default;
};

struct DiskCopyStatus {
  bool running = false;          ///< a round is under way
  Bytes copied;                  ///< read at the source and written at the destination so far
  Bytes left;                    ///< of this round
  Bytes allocated;               ///< what the disks hold at the source, as of the first round
  Bytes discarded;               ///< copied, and given up again as it had become stale
  std::optional<Error> failure;  ///< says which side broke
};

/// Copies between disks that two NBD servers offer, in rounds. Rounds run in a thread of their own;
/// all functions are called from one other thread.
class DiskCopier {
 public:
  DiskCopier() = default;
  DiskCopier(const DiskCopier&) = delete;
  DiskCopier& operator=(const DiskCopier&) = delete;
  virtual ~DiskCopier() = default;

  /// The address of the source's host as that server sees it.
  virtual Result<std::string> address_towards(const StorageOffer& server) = 0;
  /// Connects to both. kBadInput, and nothing is changed, where a disk of the destination is too
  /// small, holds data, or does not give up what is discarded.
  virtual Result<void> open(const StorageOffer& from, const StorageOffer& to,
                            const std::vector<DiskRoute>& routes) = 0;
  /// The first round: this share of what each disk holds, what was written of late last.
  virtual Result<void> copy_share(Ratio share, const std::vector<WrittenExport>& of_late,
                                  std::optional<BytesPerSecond> most) = 0;
  /// A further one: what was written of what had been copied.
  virtual Result<void> copy_written(const std::vector<WrittenExport>& written) = 0;
  /// The last one, with the guest stopped; returns when it is done. At most `most` is copied: what
  /// else is stale is discarded at the destination, to be fetched later.
  virtual Result<void> finish(const std::vector<WrittenExport>& written, Bytes most) = 0;
  [[nodiscard]] virtual DiskCopyStatus status() const = 0;
  /// Of each disk what the destination does not have, in the disk's order; once `finish` is done
  /// and until `close`.
  [[nodiscard]] virtual std::vector<std::vector<AbsentRange>> absent() const = 0;
  /// Ends a round that runs, and all connections.
  virtual void close() = 0;
};

/// What was written to a disk since the watch began.
struct WrittenSoFar {
  std::string device;  ///< Disk::device
  Bytes chunk;         ///< writes are told apart by this much
  Bytes unique;        ///< chunks that were written at least once
  friend bool operator==(const WrittenSoFar&, const WrittenSoFar&) = default;
};

/// Counts which chunks of disks are written. What it sets up has a name of Godwit's own, so that a
/// successor finds it. Threading and errors as `Hypervisor`.
class DiskWatch {
 public:
  DiskWatch() = default;
  DiskWatch(const DiskWatch&) = delete;
  DiskWatch& operator=(const DiskWatch&) = delete;
  virtual ~DiskWatch() = default;

  /// Begins with all of these disks at one moment, or with none. What an earlier watch left goes.
  virtual Result<void> watch_writes(const std::vector<std::string>& devices) = 0;
  /// Of each disk that is watched.
  virtual Result<std::vector<WrittenSoFar>> written_so_far() = 0;
  /// Leaves nothing behind; without effect where nothing is watched.
  virtual Result<void> end_watching() = 0;
};

}  // namespace godwit
