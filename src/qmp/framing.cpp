#include "godwit/qmp/framing.h"

#include <fmt/format.h>

namespace godwit::qmp {
namespace {

std::string_view without_end(std::string_view line) {
  while (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// QEMU's pretty printing opens and closes a message on lines of their own, and indents the rest:
/// no brackets need to be counted. A line that is neither ends the message, and no reader takes it.
bool ends_message(std::string_view line, bool is_first) {
  return is_first ? line != "{" : !line.starts_with(' ');
}

}  // namespace

void MessageSplitter::feed(std::string_view bytes) {
  if (overgrown_) return;
  if (start_ == buffer_.size()) {
    buffer_.clear();
    start_ = line_ = scanned_ = 0;
  } else if (start_ > buffer_.size() / 2) {
    // moving what is left costs at most what was handed out before, so it stays linear overall
    buffer_.erase(0, start_);
    scanned_ -= start_;
    line_ -= start_;
    start_ = 0;
  }
  buffer_.append(bytes);
}

Result<std::optional<std::string>> MessageSplitter::next() {
  while (!overgrown_) {
    const std::size_t end = buffer_.find('\n', scanned_);
    const bool complete = end != std::string::npos;
    const std::size_t length = (complete ? end : buffer_.size()) - start_;
    if (length > most_bytes_) {
      overgrown_ = true;
      buffer_ = {};
      start_ = line_ = scanned_ = 0;
      break;
    }
    if (!complete) {
      scanned_ = buffer_.size();
      return std::optional<std::string>();
    }
    const bool is_first = line_ == start_;
    const std::string_view line = std::string_view(buffer_).substr(line_, end - line_);
    line_ = scanned_ = end + 1;
    if (!ends_message(without_end(line), is_first)) continue;
    std::string message(without_end(std::string_view(buffer_).substr(start_, length)));
    start_ = line_;
    if (!message.empty()) return std::optional(std::move(message));
  }
  return fail(ErrorCode::kProtocol,
              fmt::format("the peer sent a message of more than {} bytes", most_bytes_),
              "check that the socket is a QEMU's QMP monitor");
}

}  // namespace godwit::qmp
