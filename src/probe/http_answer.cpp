#include "http_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <utility>

namespace godwit::probe {
namespace {

constexpr std::size_t kLongestHead = 16384;
constexpr std::string_view kEndOfHead = "\r\n\r\n";

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

/// The value of a header field; the first one of that name.
std::optional<std::string_view> field(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && same(line.substr(0, colon), name)) {
      return trimmed(line.substr(colon + 1));
    }
  }
  return std::nullopt;
}

/// To be shown: no control characters of a stranger's reach a terminal.
std::string printable(std::string_view text) {
  std::string out(text.substr(0, 40));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

}  // namespace

HttpAnswer::State HttpAnswer::feed(std::string_view bytes) {
  if (in_page_) return read_page(bytes.size());
  const std::size_t before = head_.size();
  head_.append(bytes.substr(0, kLongestHead));
  const std::size_t end = head_.find(kEndOfHead, before < 3 ? 0 : before - 3);
  if (end == std::string::npos) {
    const bool http = head_.starts_with(std::string_view("HTTP/1.1 ").substr(0, head_.size()));
    if (!http) return broken(fmt::format("it said '{}'", printable(head_)));
    return head_.size() < kLongestHead ? State::kUnfinished : broken("its head has no end");
  }
  const std::size_t rest = before + bytes.size() - end - kEndOfHead.size();
  head_.resize(end);
  const State state = read_head();
  return state == State::kBroken ? state : read_page(rest);
}

HttpAnswer::State HttpAnswer::read_head() {
  const std::string_view head(head_);
  if (!head.starts_with("HTTP/1.1 200")) {
    return broken(fmt::format("it said '{}'", printable(head.substr(0, head.find("\r\n")))));
  }
  const auto length = field(head, "Content-Length");
  if (!length) return broken("its answer has no Content-Length");
  const auto [rest, error] =
      std::from_chars(length->data(), length->data() + length->size(), left_);
  if (error != std::errc{} || rest != length->data() + length->size()) {
    return broken(fmt::format("its answer has the Content-Length '{}'", printable(*length)));
  }
  keeps_alive_ = !same(field(head, "Connection").value_or(""), "close");
  in_page_ = true;
  return State::kUnfinished;
}

HttpAnswer::State HttpAnswer::read_page(std::size_t bytes) {
  if (bytes > left_) return broken("it sent more than it announced");
  left_ -= bytes;
  return left_ == 0 ? State::kDone : State::kUnfinished;
}

HttpAnswer::State HttpAnswer::broken(std::string why) {
  why_ = std::move(why);
  return State::kBroken;
}

}  // namespace godwit::probe
