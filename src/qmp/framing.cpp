#include "godwit/qmp/framing.h"

#include <fmt/format.h>

namespace godwit::qmp {

void LineSplitter::feed(std::string_view bytes) {
  if (overgrown_) return;
  if (start_ == buffer_.size()) {
    buffer_.clear();
    start_ = scanned_ = 0;
  } else if (start_ > buffer_.size() / 2) {
    // moving what is left costs at most what was handed out before, so it stays linear overall
    buffer_.erase(0, start_);
    scanned_ -= start_;
    start_ = 0;
  }
  buffer_.append(bytes);
}

Result<std::optional<std::string>> LineSplitter::next() {
  while (!overgrown_) {
    const std::size_t end = buffer_.find('\n', scanned_);
    const bool complete = end != std::string::npos;
    const std::size_t length = (complete ? end : buffer_.size()) - start_;
    if (length > most_bytes_) {
      overgrown_ = true;
      buffer_ = {};
      start_ = scanned_ = 0;
      break;
    }
    if (!complete) {
      scanned_ = buffer_.size();
      return std::optional<std::string>();
    }
    std::string line = buffer_.substr(start_, length);
    start_ = scanned_ = end + 1;
    while (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) return std::optional(std::move(line));
  }
  return fail(ErrorCode::kProtocol,
              fmt::format("the peer sent a line of more than {} bytes", most_bytes_),
              "check that the socket is a QEMU's QMP monitor");
}

}  // namespace godwit::qmp
