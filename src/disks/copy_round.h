#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "nbd_client.h"

namespace godwit::disks {

/// A disk at both servers.
struct DiskPair {
  std::unique_ptr<NbdClient> from;
  std::unique_ptr<NbdClient> to;
};

struct Piece {
  DiskPair* disk = nullptr;
  Range range;
};

/// Copies pieces in their order, several at a time, at no more than `most`. Returns when all are
/// written; after an error or a stop the clients are of no use any more.
class CopyRound {
 public:
  CopyRound(Clock& clock, std::optional<BytesPerSecond> most, std::function<void(Bytes)> on_copied)
      : clock_(clock), most_(most), on_copied_(std::move(on_copied)) {}

  Result<void> run(const std::vector<Piece>& pieces, const std::stop_token& stop);

 private:
  /// Of one piece that is under way.
  struct Slot {
    enum class State { kFree, kReading, kRead, kWriting, kWritten };
    State state = State::kFree;
    Piece piece;
    std::vector<char> buffer;
    int error = 0;
  };
  /// Callbacks of requests that were given up may come as late as with the clients' end.
  struct Slots {
    std::array<Slot, 16> all;
  };

  Result<bool> advance(Slot& slot);
  Result<void> begin(Slot& slot, const Piece& piece);
  [[nodiscard]] bool may_begin() const { return !most_ || clock_.now() >= next_turn_; }
  void take_turn(const Piece& piece);

  Clock& clock_;
  std::optional<BytesPerSecond> most_;
  std::function<void(Bytes)> on_copied_;
  std::shared_ptr<Slots> slots_ = std::make_shared<Slots>();
  TimePoint next_turn_{};
};

/// The longest piece.
inline constexpr std::int64_t kLongestPiece = 256 * 1024;

}  // namespace godwit::disks
