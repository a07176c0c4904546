#include "godwit/disks/copier.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <thread>
#include <utility>

#include "copy_round.h"

namespace godwit::disks {
namespace {

/// Disks are cut so: no finer than images allocate by default, as finer parts than a cluster of the
/// destination's can't be absent there. `open` checks that they are absent.
constexpr std::int64_t kCluster = 64 * 1024;

/// One disk that is being copied.
struct CopiedDisk {
  DiskPair pair;
  Clusters chosen{0, kCluster};  ///< to be copied beforehand
  Clusters held{0, kCluster};    ///< that the destination's has
  Clusters data{0, kCluster};    ///< that the source's was seen to have
};

class Copier final : public DiskCopier {
 public:
  Copier(Clock& clock, std::string netns) : clock_(clock), netns_(std::move(netns)) {}
  ~Copier() override { close(); }

  Result<std::string> address_towards(const StorageOffer& server) override;
  Result<void> open(const StorageOffer& from, const StorageOffer& to,
                    const std::vector<DiskRoute>& routes) override;
  Result<void> copy_share(Ratio share, const std::vector<WrittenExport>& of_late,
                          std::optional<BytesPerSecond> most) override;
  Result<void> copy_written(const std::vector<WrittenExport>& written) override;
  Result<void> finish(const std::vector<WrittenExport>& written, Bytes most) override;
  [[nodiscard]] DiskCopyStatus status() const override;
  [[nodiscard]] std::vector<std::vector<AbsentRange>> absent() const override;
  void close() override;

 private:
  Result<void> in_netns(const std::function<Result<void>()>& act) const;
  Result<CopiedDisk> open_disk(const StorageOffer& from, const StorageOffer& to,
                               const DiskRoute& route);
  Result<void> check_destination(CopiedDisk& disk);
  Result<Clusters> written_to(std::size_t number, const WrittenExport& written,
                              const std::stop_token& stop);
  Result<Clusters> find(NbdClient& client, const std::string& context,
                        bool (*wanted)(std::uint32_t), const std::stop_token& stop) const;
  void begin(std::function<Result<void>(const std::stop_token&)> round);
  Result<void> first_round(Ratio share, const std::vector<WrittenExport>& of_late,
                           const std::stop_token& stop);
  Result<void> next_round(const std::vector<WrittenExport>& written, std::optional<Bytes> most,
                          std::optional<BytesPerSecond> rate, const std::stop_token& stop);
  Result<void> copy(const std::vector<Clusters>& what, std::optional<BytesPerSecond> rate,
                    const std::stop_token& stop);
  Result<void> discard(CopiedDisk& disk, const Clusters& what, const std::stop_token& stop);

  Clock& clock_;
  std::string netns_;
  StorageOffer source_;
  std::vector<CopiedDisk> disks_;
  std::optional<BytesPerSecond> most_;
  mutable std::mutex mutex_;
  DiskCopyStatus status_;  ///< guarded
  std::jthread round_;     ///< last: it uses the others
};

bool holds_data(std::uint32_t flags) {
  return (flags & kHole) == 0;
}
bool is_dirty(std::uint32_t flags) {
  return (flags & kDirty) != 0;
}

/// Connections stay in the namespace in which they were made.
Result<void> Copier::in_netns(const std::function<Result<void>()>& act) const {
  if (netns_.empty()) return act();
  const UniqueFd space(::open(netns_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!space.valid()) return fail(errno_error("opening " + netns_, errno));
  Result<void> done;
  std::thread([&] {
    done = ::setns(space.get(), CLONE_NEWNET) == 0
               ? act()
               : fail(errno_error("entering the network of the VM's process", errno));
  }).join();
  return done;
}

Result<std::string> Copier::address_towards(const StorageOffer& server) {
  std::string address;
  GODWIT_CHECK_OK(in_netns([&]() -> Result<void> {
    GODWIT_TRY(const UniqueFd fd, connect_socket(server, clock_.now() + kPatience, clock_));
    sockaddr_storage local{};
    socklen_t length = sizeof local;
    char text[INET6_ADDRSTRLEN] = "";
    (void)::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&local), &length);
    const void* const ip =
        local.ss_family == AF_INET6
            ? static_cast<const void*>(&reinterpret_cast<sockaddr_in6*>(&local)->sin6_addr)
            : static_cast<const void*>(&reinterpret_cast<sockaddr_in*>(&local)->sin_addr);
    if (::inet_ntop(local.ss_family, ip, text, sizeof text) == nullptr) {
      return fail(errno_error("reading this host's address", errno));
    }
    address = text;
    return {};
  }));
  return address;
}

// --- the way there ---

Result<void> Copier::open(const StorageOffer& from, const StorageOffer& to,
                          const std::vector<DiskRoute>& routes) {
  source_ = from;
  return in_netns([&]() -> Result<void> {
    for (const DiskRoute& route : routes) {
      GODWIT_TRY(CopiedDisk disk, open_disk(from, to, route));
      GODWIT_CHECK_OK(check_destination(disk));
      disks_.push_back(std::move(disk));
    }
    return {};
  });
}

Result<CopiedDisk> Copier::open_disk(const StorageOffer& from, const StorageOffer& to,
                                     const DiskRoute& route) {
  const std::size_t number = disks_.size() + 1;
  CopiedDisk disk;
  GODWIT_TRY(disk.pair.from, NbdClient::open(clock_, from, route.from,
                                             fmt::format("disk {} at the source", number)));
  GODWIT_TRY(disk.pair.to, NbdClient::open(clock_, to, route.to,
                                           fmt::format("disk {} at the destination", number)));
  const std::int64_t size = disk.pair.from->size();
  if (disk.pair.to->size() < size) {
    return fail(ErrorCode::kBadInput,
                fmt::format("{} has {} bytes, and the source's has {}", disk.pair.to->name(),
                            disk.pair.to->size(), size),
                "make it as large as the source's");
  }
  disk.chosen = disk.held = disk.data = Clusters(size, kCluster);
  return disk;
}

/// What is absent at the destination will be taken from the source: whatever is there already, or
/// can't be given up again, would be wrong data.
Result<void> Copier::check_destination(CopiedDisk& disk) {
  NbdClient& to = *disk.pair.to;
  GODWIT_TRY(const Clusters held, find(to, kAllocation, holds_data, {}));
  if (!held.empty()) {
    return fail(ErrorCode::kBadInput, fmt::format("{} holds data already", to.name()),
                "begin with an empty image: qemu-img create -f qcow2 -o compat=0.10 FILE SIZE");
  }
  if (held.count() == 0) return {};
  Clusters probe = held;
  probe.insert(0);
  GODWIT_CHECK_OK(to.put(held.range_of(0), '\1', {}));
  const auto given_up = discard(disk, probe, {});
  const std::lock_guard lock(mutex_);
  status_.discarded = Bytes();  // it was nobody's
  if (given_up) return {};
  return fail(ErrorCode::kBadInput, fmt::format("{} does not give up what is discarded", to.name()),
              "make it of qcow2 with compat=0.10 and clusters of 64 KiB, without a backing file, "
              "and start the "
              "destination's QEMU with discard=unmap for it");
}

// --- rounds ---

Result<void> Copier::copy_share(Ratio share, const std::vector<WrittenExport>& of_late,
                                std::optional<BytesPerSecond> most) {
  most_ = most;
  begin([this, share, of_late](const std::stop_token& stop) {
    return first_round(share, of_late, stop);
  });
  return {};
}

Result<void> Copier::copy_written(const std::vector<WrittenExport>& written) {
  begin([this, written](const std::stop_token& stop) {
    return next_round(written, std::nullopt, most_, stop);
  });
  return {};
}

Result<void> Copier::finish(const std::vector<WrittenExport>& written, Bytes most) {
  if (round_.joinable()) round_.join();
  {
    const std::lock_guard lock(mutex_);
    if (status_.failure) return fail(*status_.failure);
  }
  GODWIT_CHECK_OK(next_round(written, most, std::nullopt, {}));
  for (CopiedDisk& disk : disks_) GODWIT_CHECK_OK(disk.pair.to->flush({}));
  return {};
}

void Copier::begin(std::function<Result<void>(const std::stop_token&)> round) {
  if (round_.joinable()) round_.join();
  {
    const std::lock_guard lock(mutex_);
    status_.running = true;
  }
  round_ = std::jthread([this, round = std::move(round)](const std::stop_token& stop) {
    const auto done = round(stop);
    const std::lock_guard lock(mutex_);
    status_.running = false;
    if (!done) status_.failure = done.error();
  });
}

Result<void> Copier::first_round(Ratio share, const std::vector<WrittenExport>& of_late,
                                 const std::stop_token& stop) {
  Bytes allocated;
  std::vector<Clusters> what;
  for (std::size_t i = 0; i < disks_.size(); ++i) {
    NbdClient& from = *disks_[i].pair.from;
    GODWIT_TRY(disks_[i].data, find(from, kAllocation, holds_data, stop));
    Clusters hot(from.size(), kCluster);
    if (i < of_late.size()) {
      GODWIT_TRY(hot, written_to(i, of_late[i], stop));
    }
    disks_[i].chosen = choose_share(disks_[i].data, hot, share);
    allocated += disks_[i].data.bytes();
    what.push_back(disks_[i].chosen);
  }
  {
    const std::lock_guard lock(mutex_);
    status_.allocated = allocated;
  }
  return copy(what, most_, stop);
}

/// What was written of what had been copied. Where it has become a hole at the source, and beyond
/// `most`, it is given up at the destination.
Result<void> Copier::next_round(const std::vector<WrittenExport>& written,
                                std::optional<Bytes> most, std::optional<BytesPerSecond> rate,
                                const std::stop_token& stop) {
  std::vector<Clusters> what;
  for (std::size_t i = 0; i < disks_.size(); ++i) {
    CopiedDisk& disk = disks_[i];
    Clusters stale(disk.pair.from->size(), kCluster);
    if (i < written.size()) {
      GODWIT_TRY(stale, written_to(i, written[i], stop));
      disk.data = disk.data.united(stale);
      stale = stale.intersected(disk.chosen);
    }
    if (stale.empty()) {
      what.push_back(stale);
      continue;
    }
    GODWIT_TRY(const Clusters data, find(*disk.pair.from, kAllocation, holds_data, stop));
    Clusters again = stale.intersected(data);
    if (most) {
      again = take_first(again, *most);
      *most = *most - again.bytes();
    }
    GODWIT_CHECK_OK(discard(disk, stale.without(again).intersected(disk.held), stop));
    what.push_back(std::move(again));
  }
  return copy(what, rate, stop);
}

Result<void> Copier::copy(const std::vector<Clusters>& what, std::optional<BytesPerSecond> rate,
                          const std::stop_token& stop) {
  std::vector<Piece> pieces;
  Bytes total;
  for (std::size_t i = 0; i < disks_.size(); ++i) {
    total += what[i].bytes();
    for (const Range& range : what[i].ranges(kLongestPiece)) {
      pieces.push_back({&disks_[i].pair, range});
      disks_[i].held.insert(range);  // in part, maybe, from now on
    }
  }
  {
    const std::lock_guard lock(mutex_);
    status_.left = total;
  }
  return CopyRound(clock_, rate,
                   [this](Bytes copied) {
                     const std::lock_guard lock(mutex_);
                     status_.copied += copied;
                     status_.left = status_.left - copied;
                   })
      .run(pieces, stop);
}

/// And sees that it is gone.
Result<void> Copier::discard(CopiedDisk& disk, const Clusters& what, const std::stop_token& stop) {
  constexpr std::int64_t kAnyLength = 1LL << 40;
  for (const Range& range : what.ranges(kAnyLength)) {
    GODWIT_CHECK_OK(disk.pair.to->discard(range, stop));
    GODWIT_TRY(const auto extents, disk.pair.to->extents(kAllocation, range, stop));
    for (const Extent& extent : extents) {
      if (!holds_data(extent.flags)) continue;
      return fail(ErrorCode::kRefused,
                  fmt::format("{} does not give up what is discarded", disk.pair.to->name()));
    }
    disk.held.erase(range);
  }
  const std::lock_guard lock(mutex_);
  status_.discarded += what.bytes();
  return {};
}

Result<Clusters> Copier::written_to(std::size_t number, const WrittenExport& written,
                                    const std::stop_token& stop) {
  const std::string context = "qemu:dirty-bitmap:" + written.bitmap;
  std::unique_ptr<NbdClient> client;
  GODWIT_CHECK_OK(in_netns([&]() -> Result<void> {
    GODWIT_TRY(client, NbdClient::open(clock_, source_, written.name,
                                       fmt::format("disk {} at the source", number + 1), context));
    return {};
  }));
  return find(*client, context, is_dirty, stop);
}

Result<Clusters> Copier::find(NbdClient& client, const std::string& context,
                              bool (*wanted)(std::uint32_t), const std::stop_token& stop) const {
  Clusters found(client.size(), kCluster);
  GODWIT_TRY(const auto extents, client.extents(context, {0, client.size()}, stop));
  for (const Extent& extent : extents) {
    if (wanted(extent.flags)) found.insert(extent.range);
  }
  return found;
}

DiskCopyStatus Copier::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

std::vector<std::vector<AbsentRange>> Copier::absent() const {
  std::vector<std::vector<AbsentRange>> all;
  for (const CopiedDisk& disk : disks_) {
    std::vector<AbsentRange>& ranges = all.emplace_back();
    for (std::int64_t i = 0; i < disk.data.count(); ++i) {
      if (disk.held.contains(i)) continue;
      const Range one = disk.data.range_of(i);
      const bool holds_data = disk.data.contains(i);
      if (!ranges.empty() && ranges.back().end == Bytes(one.begin) &&
          ranges.back().holds_data == holds_data) {
        ranges.back().end = Bytes(one.end);
      } else {
        ranges.push_back({Bytes(one.begin), Bytes(one.end), holds_data});
      }
    }
  }
  return all;
}

void Copier::close() {
  if (round_.joinable()) {
    round_.request_stop();
    round_.join();
  }
  disks_.clear();
}

}  // namespace

std::unique_ptr<DiskCopier> make_copier(Clock& clock, std::string netns) {
  return std::make_unique<Copier>(clock, std::move(netns));
}

}  // namespace godwit::disks
