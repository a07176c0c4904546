#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "godwit/guest/message.h"

namespace godwit::probe {

/// Finds the messages (guest/README.md) in a stream of bytes. Keeps a header's bytes and no more,
/// whatever comes. Pure.
class MessageStream {
 public:
  /// Calls `on_message(const guest::MessageHeader&)` for each one that `bytes` complete. False when
  /// what came is no message: then nobody knows where the next one begins.
  template <class OnMessage>
  bool feed(std::string_view bytes, OnMessage&& on_message) {
    while (!bytes.empty()) {
      if (left_ == 0) {
        fill_header(bytes);
        if (filled_ < header_.size()) return true;
        current_ = guest::read_header({header_.data(), header_.size()});
        if (!current_) return false;
        left_ = current_->length - header_.size();
        filled_ = 0;
      } else {
        skip(bytes);
      }
      if (left_ == 0) on_message(*current_);
    }
    return true;
  }

 private:
  void fill_header(std::string_view& bytes) {
    const std::size_t more = std::min(bytes.size(), header_.size() - filled_);
    bytes.copy(header_.data() + filled_, more);
    filled_ += more;
    bytes.remove_prefix(more);
  }
  void skip(std::string_view& bytes) {
    const std::size_t more = std::min(bytes.size(), left_);
    left_ -= more;
    bytes.remove_prefix(more);
  }

  std::array<char, guest::kMessageHeaderBytes> header_{};
  std::size_t filled_ = 0;
  std::size_t left_ = 0;  ///< of the current message, to be skipped
  std::optional<guest::MessageHeader> current_;
};

}  // namespace godwit::probe
