#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "godwit/base/error.h"

namespace godwit::qmp {

/// Larger than any reply of QEMU (a whole schema has some 200 KB), small enough to hold in memory.
inline constexpr std::size_t kMostMessageBytes = 64U << 20;

/// Splits a byte stream into its messages: QMP sends one JSON message a line, ended by CR LF, or
/// over several lines as `-qmp-pretty` writes it. Pure; the same messages come out however the
/// stream was cut into pieces.
class MessageSplitter {
 public:
  explicit MessageSplitter(std::size_t most_bytes = kMostMessageBytes) : most_bytes_(most_bytes) {}

  void feed(std::string_view bytes);
  /// The next complete message without the end of its last line, empty lines left out; nothing when
  /// more bytes are needed. Any other line comes out by itself, at once. kProtocol, and from then
  /// on always, when a message outgrows the bound.
  Result<std::optional<std::string>> next();
  /// Bytes that were fed and not handed out, to see what an incomplete message began with.
  [[nodiscard]] std::string_view pending() const {
    return std::string_view(buffer_).substr(start_);
  }

 private:
  std::size_t most_bytes_;
  std::string buffer_;
  std::size_t start_ = 0;    ///< of the first message not handed out
  std::size_t line_ = 0;     ///< start of its line that is not complete yet
  std::size_t scanned_ = 0;  ///< no line end before this, so that nothing is searched twice
  bool overgrown_ = false;
};

}  // namespace godwit::qmp
