#include "godwit/probe/interface_counter.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "in_netns.h"

namespace godwit::probe {
namespace {

/// `thread-self`, since a thread in another namespace than its process sees its own counters there.
Result<std::string> read_proc_net_dev() {
  const UniqueFd fd(open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail(errno_error("opening /proc/thread-self/net/dev", errno));
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
    if (got < 0) return fail(errno_error("reading /proc/thread-self/net/dev", errno));
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

/// Cuts the next line off the front of `text`.
std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

/// The number at position `index` (from 0) of a blank-separated list.
std::optional<std::int64_t> field(std::string_view list, int index) {
  for (;; --index) {
    const std::size_t start = list.find_first_not_of(" \t");
    if (start == std::string_view::npos) return std::nullopt;
    list.remove_prefix(start);
    const std::size_t end = std::min(list.find_first_of(" \t"), list.size());
    if (index == 0) {
      std::int64_t value = 0;
      const auto [rest, error] = std::from_chars(list.data(), list.data() + end, value);
      if (error != std::errc{} || rest != list.data() + end || value < 0) return std::nullopt;
      return value;
    }
    list.remove_prefix(end);
  }
}

std::optional<Bytes> bytes_in(std::string_view proc_net_dev, std::string_view interface,
                              int column) {
  while (!proc_net_dev.empty()) {
    std::string_view line = next_line(proc_net_dev);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || line.substr(0, colon) != interface) continue;
    const auto bytes = field(line.substr(colon + 1), column);
    if (!bytes) return std::nullopt;
    return Bytes(*bytes);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Bytes> sent_bytes_in(std::string_view proc_net_dev, std::string_view interface) {
  constexpr int kTransmitBytes = 8;  // after eight receive columns, see proc(5)
  return bytes_in(proc_net_dev, interface, kTransmitBytes);
}

std::optional<Bytes> received_bytes_in(std::string_view proc_net_dev, std::string_view interface) {
  return bytes_in(proc_net_dev, interface, 0);
}

InterfaceCounter::InterfaceCounter(std::string interface, std::optional<std::string> netns)
    : interface_(std::move(interface)), netns_(std::move(netns)) {}

Result<Bytes> InterfaceCounter::sent() {
  GODWIT_TRY(const std::string text, in_netns(netns_, read_proc_net_dev));
  const auto sent = sent_bytes_in(text, interface_);
  if (sent) return *sent;
  return fail(ErrorCode::kNotFound,
              fmt::format("no network interface {}{}", interface_,
                          netns_ ? fmt::format(" in {}", *netns_) : std::string()),
              "list those that exist with: ip link");
}

}  // namespace godwit::probe
