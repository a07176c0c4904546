#include "copy_round.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace godwit::disks {
namespace {

Error failed(const NbdClient& client, std::string_view what, int error) {
  const bool full = error == ENOSPC;
  return {error == ENOTCONN || error == ESHUTDOWN ? ErrorCode::kPeerGone : ErrorCode::kRefused,
          fmt::format("{}: {}: {}", client.name(), what, std::strerror(error)),
          full ? "make room there, then try again" : ""};
}

/// Each once.
std::vector<NbdClient*> clients_of(const std::vector<Piece>& pieces) {
  std::vector<NbdClient*> clients;
  for (const Piece& piece : pieces) {
    NbdClient* const from = piece.disk->from.get();
    if (std::find(clients.begin(), clients.end(), from) != clients.end()) continue;
    clients.push_back(from);
    clients.push_back(piece.disk->to.get());
  }
  return clients;
}

}  // namespace

Result<void> CopyRound::run(const std::vector<Piece>& pieces, const std::stop_token& stop) {
  const std::vector<NbdClient*> clients = clients_of(pieces);
  TimePoint last_progress = clock_.now();
  std::size_t next = 0;
  std::size_t written = 0;
  while (written < pieces.size()) {
    std::size_t busy = 0;
    for (Slot& slot : slots_->all) {
      GODWIT_TRY(const bool done, advance(slot));
      if (done) ++written;
      if (slot.state == Slot::State::kFree && next < pieces.size() && may_begin()) {
        GODWIT_CHECK_OK(begin(slot, pieces[next++]));
      }
      if (done) last_progress = clock_.now();
      if (slot.state != Slot::State::kFree) ++busy;
    }
    if (written == pieces.size()) break;
    if (busy == 0) last_progress = clock_.now();  // it waits for its turn
    if (clock_.now() - last_progress > kPatience) {
      return fail(ErrorCode::kTimeout,
                  fmt::format("copying {}: nothing was read or written any more",
                              pieces[next - 1].disk->from->name()));
    }
    const bool waits_for_turn = next < pieces.size() && !may_begin();
    const TimePoint until = last_progress + kPatience;
    GODWIT_CHECK_OK(NbdClient::wait(clients, waits_for_turn ? std::min(next_turn_, until) : until,
                                    clock_, stop));
  }
  return {};
}

/// True when its piece is written. Callbacks only note; what follows from them is begun here.
Result<bool> CopyRound::advance(Slot& slot) {
  using State = Slot::State;
  DiskPair* const disk = slot.piece.disk;
  if (slot.state == State::kRead) {
    if (slot.error != 0) return fail(failed(*disk->from, "reading", slot.error));
    slot.state = State::kWriting;
    GODWIT_CHECK_OK(
        disk->to->write(slot.piece.range, slot.buffer.data(), [slots = slots_, &slot](int error) {
          slot.error = error;
          slot.state = State::kWritten;
        }));
  }
  if (slot.state != State::kWritten) return false;
  if (slot.error != 0) return fail(failed(*disk->to, "writing", slot.error));
  slot.state = State::kFree;
  on_copied_(Bytes(slot.piece.range.length()));
  return true;
}

Result<void> CopyRound::begin(Slot& slot, const Piece& piece) {
  take_turn(piece);
  slot.piece = piece;
  slot.buffer.resize(static_cast<std::size_t>(piece.range.length()));
  slot.state = Slot::State::kReading;
  return piece.disk->from->read(piece.range, slot.buffer.data(),
                                [slots = slots_, &slot](int error) {
                                  slot.error = error;
                                  slot.state = Slot::State::kRead;
                                });
}

/// Who was late does not catch up: the rate is a promise to others on the link.
void CopyRound::take_turn(const Piece& piece) {
  if (!most_) return;
  next_turn_ = std::max(next_turn_, clock_.now()) + Bytes(piece.range.length()) / *most_;
}

}  // namespace godwit::disks
