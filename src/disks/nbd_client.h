#pragma once

#include <poll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"
#include "godwit/disks/ranges.h"
#include "godwit/domain/hypervisor.h"

struct nbd_handle;

namespace godwit::disks {

/// A connected TCP or UNIX socket to a server, from the calling thread's network namespace.
Result<UniqueFd> connect_socket(const StorageOffer& server, TimePoint deadline, Clock& clock);

/// A part of a disk, as a context of NBD's describes it.
struct Extent {
  Range range;
  std::uint32_t flags = 0;
};
/// Of the context base:allocation.
inline constexpr std::uint32_t kHole = 1;
inline constexpr const char* kAllocation = "base:allocation";
/// Of qemu:dirty-bitmap:NAME.
inline constexpr std::uint32_t kDirty = 1;

/// One export of a server. Requests are begun, and done when the functions that wait have called
/// back; not thread-safe. Errors: kTimeout when nothing comes for 30 s, kPeerGone, kRefused,
/// kInterrupted.
class NbdClient {
 public:
  using Done = std::function<void(int error)>;  ///< 0, or an errno; must not call the client

  /// `name`: of the disk and its side, for messages. `context`: asked for besides kAllocation.
  static Result<std::unique_ptr<NbdClient>> open(Clock& clock, const StorageOffer& server,
                                                 const std::string& export_name, std::string name,
                                                 const std::string& context = {});
  NbdClient(const NbdClient&) = delete;
  NbdClient& operator=(const NbdClient&) = delete;
  ~NbdClient();

  [[nodiscard]] std::int64_t size() const { return size_; }
  [[nodiscard]] const std::string& name() const { return name_; }

  Result<void> read(Range range, void* into, Done done);
  Result<void> write(Range range, const void* from, Done done);

  // These wait.
  Result<std::vector<Extent>> extents(const std::string& context, Range range,
                                      const std::stop_token& stop);
  /// Fills the range with that byte.
  Result<void> put(Range range, char value, const std::stop_token& stop);
  Result<void> discard(Range range, const std::stop_token& stop);
  Result<void> flush(const std::stop_token& stop);

  /// Waits until something happens at one of them, until `deadline` at most.
  static Result<void> wait(const std::vector<NbdClient*>& clients, TimePoint deadline, Clock& clock,
                           const std::stop_token& stop);

 private:
  NbdClient(Clock& clock, nbd_handle* handle, std::string name)
      : clock_(clock), handle_(handle), name_(std::move(name)) {}
  Result<void> shake_hands(UniqueFd socket, TimePoint deadline);
  Result<void> await(const std::optional<int>& error, std::string_view what,
                     const std::stop_token& stop);
  [[nodiscard]] pollfd polled() const;
  Result<void> notify(short events);
  [[nodiscard]] Error failure(std::string_view what) const;

  Clock& clock_;
  nbd_handle* handle_;
  std::string name_;
  std::int64_t size_ = 0;
};

/// Nothing came for so long: the peer is taken for dead.
inline constexpr Seconds kPatience{30};

}  // namespace godwit::disks
