#include "disk_copy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#define XXH_INLINE_ALL  // NOLINT(readability-identifier-naming): xxHash's name for its header mode
#include <xxhash.h>

#include "disk_extents.h"
#include "godwit/base/stop_fd.h"
#include "godwit/base/unique_fd.h"
#include "netns.h"
#include "wait_on.h"

namespace godwit::lab {
namespace {

constexpr std::size_t kChunk = 256 << 10;
constexpr int kZstdLevel = 1;
constexpr Seconds kStallPatience{30};

/// Before each chunk. One with no content is the last; the hash of all content follows it.
struct Header {
  std::uint64_t offset = 0;
  std::uint32_t content = 0;  ///< bytes
  std::uint32_t stored = 0;   ///< in so many; equal: not compressed
};

using Bytespan = std::span<std::byte>;
using ConstBytespan = std::span<const std::byte>;

template <class T>
Bytespan bytes_of(T& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

class Hash {
 public:
  void add(ConstBytespan bytes) { XXH3_64bits_update(state_.get(), bytes.data(), bytes.size()); }
  [[nodiscard]] std::uint64_t value() const { return XXH3_64bits_digest(state_.get()); }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  static XXH3_state_t* begun() {
    XXH3_state_t* state = XXH3_createState();
    XXH3_64bits_reset(state);
    return state;
  }
  std::unique_ptr<XXH3_state_t, Free> state_{begun()};
};

/// A connection whose calls wait until all is done, `deadline` passes or a stop is asked for.
class Wire {
 public:
  Wire(TimePoint deadline, int stopped) : deadline_(deadline), stopped_(stopped) {}

  Result<void> listen(const std::string& address) {
    socket_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in here{};
    here.sin_family = AF_INET;
    inet_pton(AF_INET, address.c_str(), &here.sin_addr);
    socklen_t length = sizeof here;
    auto* generic = reinterpret_cast<sockaddr*>(&here);
    if (::bind(socket_.get(), generic, length) == 0 && ::listen(socket_.get(), 1) == 0 &&
        getsockname(socket_.get(), generic, &length) == 0) {
      address_ = here;
      return {};
    }
    return fail(errno_error("listening at " + address, errno));
  }

  Result<void> accept() {
    GODWIT_CHECK_OK(wait(POLLIN));
    UniqueFd peer(accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!peer.valid()) return fail(errno_error("accepting a connection", errno));
    socket_ = std::move(peer);
    return {};
  }

  Result<void> connect(const sockaddr_in& there) {
    socket_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const auto* generic = reinterpret_cast<const sockaddr*>(&there);
    if (::connect(socket_.get(), generic, sizeof there) == 0 || errno == EINPROGRESS) return {};
    return fail(errno_error("connecting", errno));
  }

  Result<void> send(ConstBytespan bytes) {
    while (!bytes.empty()) {
      GODWIT_CHECK_OK(wait(POLLOUT));
      const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
        sent_ += Bytes(sent);
      } else if (errno != EAGAIN && errno != EINTR) {
        return gone();
      }
    }
    return {};
  }

  Result<void> receive(Bytespan bytes) {
    while (!bytes.empty()) {
      GODWIT_CHECK_OK(wait(POLLIN));
      const ssize_t got = recv(socket_.get(), bytes.data(), bytes.size(), 0);
      if (got > 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(got));
      } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        return gone();
      }
    }
    return {};
  }

  [[nodiscard]] const sockaddr_in& address() const { return address_; }
  [[nodiscard]] Bytes sent() const { return sent_; }

 private:
  static tl::unexpected<Error> gone() {
    return fail(ErrorCode::kPeerGone, "the copying of a disk was cut off");
  }

  [[nodiscard]] Result<void> wait(short events) const {
    const TimePoint stalled = RealClock().now() + kStallPatience;
    switch (wait_on(socket_.get(), events, std::min(deadline_, stalled), stopped_)) {
      case Woken::kReady:
        return {};
      case Woken::kStopped:
        return fail(ErrorCode::kInterrupted, "the copying of a disk was stopped");
      case Woken::kLate:
        break;
    }
    if (stalled < deadline_) {
      return fail(
          ErrorCode::kPeerGone,
          fmt::format("the network carried nothing of a disk for {} s", kStallPatience.count()));
    }
    return fail(ErrorCode::kTimeout, "a disk was not copied in time");
  }

  UniqueFd socket_;
  sockaddr_in address_{};
  Bytes sent_;
  TimePoint deadline_;
  int stopped_;
};

/// Of a file or a block device.
Result<off_t> size_of(int fd) {
  const off_t size = lseek(fd, 0, SEEK_END);
  if (size < 0) return fail(errno_error("finding out how large a disk is", errno));
  return size;
}

// --- the sending side ---

class Sender {
 public:
  Sender(int file, bool zstd, Wire& wire) : file_(file), zstd_(zstd), wire_(wire) {}

  Result<CopiedDisk> send_all(const CopyOptions& options) {
    GODWIT_TRY(const off_t whole, size_of(file_));
    GODWIT_TRY(const std::vector<Extent> extents, extents_of(whole, [this](off_t at, int whence) {
                 return lseek(file_, at, whence);
               }));
    Bytes all;
    for (const Extent& one : extents) all += Bytes(one.end - one.begin);
    Bytes done;
    for (const Extent& one : extents) {
      for (off_t at = one.begin; at < one.end; at += static_cast<off_t>(kChunk)) {
        const auto size = std::min<std::size_t>(kChunk, static_cast<std::size_t>(one.end - at));
        GODWIT_CHECK_OK(send_chunk(at, size));
        done += Bytes(static_cast<std::int64_t>(size));
        if (options.on_progress) options.on_progress(done, all);
      }
    }
    // What was cut off meanwhile is missing in the list, and nobody else would notice.
    GODWIT_TRY(const off_t whole_now, size_of(file_));
    if (whole_now != whole)
      return fail(ErrorCode::kCorrupt, "a disk changed its size while copied");
    Header end;
    std::uint64_t hash = hash_.value();
    GODWIT_CHECK_OK(wire_.send(bytes_of(end)));
    GODWIT_CHECK_OK(wire_.send(bytes_of(hash)));
    return CopiedDisk{all, wire_.sent()};
  }

 private:
  Result<void> send_chunk(off_t at, std::size_t size) {
    const Bytespan content = Bytespan(content_).first(size);
    const ssize_t got = pread(file_, content.data(), size, at);
    if (got < 0) return fail(errno_error("reading a disk", errno));
    if (got != static_cast<ssize_t>(size)) {
      return fail(ErrorCode::kCorrupt, "a disk ended before it was copied");
    }
    hash_.add(content);
    ConstBytespan stored = content;
    if (zstd_) {
      const std::size_t packed =
          ZSTD_compress(packed_.data(), packed_.size(), content.data(), size, kZstdLevel);
      if (ZSTD_isError(packed) == 0 && packed < size) stored = Bytespan(packed_).first(packed);
    }
    Header header{static_cast<std::uint64_t>(at), static_cast<std::uint32_t>(size),
                  static_cast<std::uint32_t>(stored.size())};
    GODWIT_CHECK_OK(wire_.send(bytes_of(header)));
    return wire_.send(stored);
  }

  int file_;
  bool zstd_;
  Wire& wire_;
  Hash hash_;
  std::vector<std::byte> content_ = std::vector<std::byte>(kChunk);
  std::vector<std::byte> packed_ = std::vector<std::byte>(ZSTD_compressBound(kChunk));
};

// --- the receiving side ---

class Receiver {
 public:
  Receiver(int file, Wire& wire) : file_(file), wire_(wire) {}

  Result<void> receive_all() {
    GODWIT_CHECK_OK(wire_.accept());
    for (;;) {
      Header header;
      GODWIT_CHECK_OK(wire_.receive(bytes_of(header)));
      if (header.content == 0) break;
      GODWIT_CHECK_OK(receive_chunk(header));
    }
    std::uint64_t expected = 0;
    GODWIT_CHECK_OK(wire_.receive(bytes_of(expected)));
    if (expected != hash_.value()) return spoilt();
    if (fdatasync(file_) == 0) return {};
    return fail(errno_error("writing a disk's copy", errno));
  }

 private:
  static tl::unexpected<Error> spoilt() {
    return fail(ErrorCode::kCorrupt, "a disk arrived otherwise than it was sent");
  }

  Result<void> receive_chunk(const Header& header) {
    if (header.content > kChunk || header.stored > header.content) return spoilt();
    const Bytespan stored = Bytespan(stored_).first(header.stored);
    GODWIT_CHECK_OK(wire_.receive(stored));
    ConstBytespan content = stored;
    if (header.stored < header.content) {
      const std::size_t size =
          ZSTD_decompress(content_.data(), header.content, stored.data(), stored.size());
      if (size != header.content) return spoilt();
      content = Bytespan(content_).first(size);
    }
    hash_.add(content);
    const auto at = static_cast<off_t>(header.offset);
    const ssize_t written = pwrite(file_, content.data(), content.size(), at);
    if (written == static_cast<ssize_t>(content.size())) return {};
    return fail(ErrorCode::kEnvironment,
                fmt::format("a disk's copy can't be written: {}",
                            written < 0 ? std::strerror(errno) : std::strerror(ENOSPC)),
                "free some space on the destination");
  }

  int file_;
  Wire& wire_;
  Hash hash_;
  std::vector<std::byte> stored_ = std::vector<std::byte>(kChunk);
  std::vector<std::byte> content_ = std::vector<std::byte>(kChunk);
};

Result<UniqueFd> open_file(const std::string& path, int flags) {
  UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC));
  if (fd.valid()) return fd;
  return fail(errno_error("opening " + path, errno));
}

Result<void> check_same_size(int from, int to) {
  GODWIT_TRY(const off_t original, size_of(from));
  GODWIT_TRY(const off_t copy, size_of(to));
  if (original == copy) return {};
  return fail(ErrorCode::kBadInput,
              fmt::format("a disk of {} bytes was to be copied to one of {}", original, copy),
              "make both disks of one size");
}

/// When one side breaks, the other only sees that it is gone.
bool is_consequence(const Error& error) {
  return error.code == ErrorCode::kPeerGone;
}

}  // namespace

Result<CopiedDisk> copy_disk_file(const DiskCopy& copy, const CopyOptions& options,
                                  const std::stop_token& stop) {
  GODWIT_TRY(const UniqueFd from, open_file(copy.from, O_RDONLY));
  GODWIT_TRY(const UniqueFd to, open_file(copy.to, O_WRONLY));
  const StopFd stopped(stop);
  const TimePoint deadline = RealClock().now() + options.patience;
  auto there = std::make_unique<Wire>(deadline, stopped.get());
  GODWIT_CHECK_OK(in_netns(copy.to_netns, [&] { return there->listen(copy.to_address); }));
  auto here = std::make_unique<Wire>(deadline, stopped.get());
  GODWIT_CHECK_OK(in_netns(copy.from_netns, [&] { return here->connect(there->address()); }));

  Result<void> received;
  std::thread receiving([&] {
    received = Receiver(to.get(), *there).receive_all();
    there.reset();  // hangs up: a sender whose receiver is gone must not wait
  });
  auto sent = Sender(from.get(), options.zstd, *here).send_all(options);
  here.reset();
  receiving.join();
  if (!received && (sent || is_consequence(sent.error()))) {
    return fail(std::move(received).error());
  }
  if (sent) GODWIT_CHECK_OK(check_same_size(from.get(), to.get()));
  return sent;
}

}  // namespace godwit::lab
