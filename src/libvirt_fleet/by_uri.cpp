#include "godwit/libvirt_fleet/by_uri.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <sstream>
#include <string_view>
#include <utility>

#include "godwit/domain/address.h"
#include "godwit/engine/link_estimate.h"

namespace godwit::libvirt_fleet {
namespace {

/// Each once.
Result<std::vector<std::string>> uris_in(const std::vector<std::string>& words) {
  constexpr std::string_view kScheme = "libvirt:";
  std::vector<std::string> uris;
  for (const std::string& word : words) {
    std::istringstream in(word);
    for (std::string uri; std::getline(in, uri, ',');) {
      if (uri.starts_with(kScheme)) uri.erase(0, kScheme.size());
      GODWIT_CHECK_OK(parse_destination(std::string(kScheme) + uri));
      if (std::find(uris.begin(), uris.end(), uri) == uris.end()) uris.push_back(uri);
    }
  }
  if (uris.size() > 1) return uris;
  return fail(ErrorCode::kBadInput, "nobody says which other hosts there are",
              "name the URIs of their daemons, too, or all hosts in a fleet's file");
}

Result<BytesPerSecond> slowest_interface(const std::vector<std::string>& uris) {
  std::optional<BytesPerSecond> slowest;
  for (const std::string& uri : uris) {
    const auto host = host_of_uri(uri);
    const auto rate = host ? engine::rate_of_interface(*host) : std::nullopt;
    if (rate) slowest = std::min(slowest.value_or(*rate), *rate);
  }
  if (slowest) return *slowest;
  return fail(ErrorCode::kBadInput, "nobody says how fast the hosts' links are",
              {"say it: ", {Setting::kLink, "1Gbit/s"}});
}

/// FNV-1a, 64 bits.
std::string key_of(std::vector<std::string> uris) {
  std::sort(uris.begin(), uris.end());
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::string& uri : uris) {
    for (const char c : uri + '\n') hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return fmt::format("libvirt-{:016x}", hash);
}

}  // namespace

Result<ByUri> hosts_by_uri(const std::vector<std::string>& words,
                           std::optional<BytesPerSecond> link) {
  GODWIT_TRY(const auto uris, uris_in(words));
  if (!link) {
    GODWIT_TRY(link, slowest_interface(uris));
  }
  ByUri named;
  GODWIT_TRY(named.file, hosts::hosts_of(uris, *link));
  named.host = hosts::name_of_uri(uris.front());
  named.key = key_of(uris);
  return named;
}

}  // namespace godwit::libvirt_fleet
