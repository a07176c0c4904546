#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "godwit/base/error.h"

namespace godwit::qmp {

/// Larger than any reply of QEMU (a whole schema has some 200 KB), small enough to hold in memory.
inline constexpr std::size_t kMostMessageBytes = 64U << 20;

/// Splits a byte stream into its lines: QMP sends one JSON message a line, ended by CR LF. Pure;
/// the same messages come out however the stream was cut into pieces.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t most_bytes = kMostMessageBytes) : most_bytes_(most_bytes) {}

  void feed(std::string_view bytes);
  /// The next complete line without its end, empty ones left out; nothing when more bytes are
  /// needed. kProtocol, and from then on always, when a line outgrows the bound.
  Result<std::optional<std::string>> next();
  /// Bytes that were fed and not handed out, to see what an incomplete message began with.
  [[nodiscard]] std::string_view pending() const {
    return std::string_view(buffer_).substr(start_);
  }

 private:
  std::size_t most_bytes_;
  std::string buffer_;
  std::size_t start_ = 0;    ///< of the first line not handed out
  std::size_t scanned_ = 0;  ///< no line end before this, so that nothing is searched twice
  bool overgrown_ = false;
};

}  // namespace godwit::qmp
