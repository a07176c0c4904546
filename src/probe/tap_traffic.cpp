#include "godwit/probe/tap_traffic.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "godwit/probe/interface_counter.h"

namespace godwit::probe {
namespace {

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::set<std::string> taps_of(std::int64_t pid) {
  std::set<std::string> taps;
  std::error_code ignored;
  const std::filesystem::directory_iterator files(fmt::format("/proc/{}/fdinfo", pid), ignored);
  for (const auto& file : files) {
    const std::string info = contents(file.path());
    if (const auto tap = tap_in(info)) taps.emplace(*tap);
  }
  return taps;
}

}  // namespace

std::optional<std::string_view> tap_in(std::string_view fdinfo) {
  constexpr std::string_view kKey = "iff:\t";
  const auto at = fdinfo.find(kKey);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = fdinfo.substr(at + kKey.size());
  const std::string_view name = rest.substr(0, rest.find('\n'));
  return name.empty() ? std::nullopt : std::optional(name);
}

std::optional<TapTraffic> tap_traffic_of(std::int64_t pid) {
  const std::string counters = contents(fmt::format("/proc/{}/net/dev", pid));
  std::optional<TapTraffic> sum;
  for (const std::string& tap : taps_of(pid)) {
    // what the host sends into a tap, the guest receives
    const auto sent = received_bytes_in(counters, tap);
    const auto received = sent_bytes_in(counters, tap);
    if (!sent || !received) continue;
    if (!sum) sum.emplace();
    sum->sent += *sent;
    sum->received += *received;
  }
  return sum;
}

}  // namespace godwit::probe
