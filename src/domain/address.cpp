#include "godwit/domain/address.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace godwit {
namespace {

constexpr std::string_view kVmForms = "name a VM as lab:NAME or qmp:/path/to/qmp.sock";
constexpr std::string_view kDestinationForms =
    "name a destination as lab:HOST or qmp:/path/to/qmp.sock@tcp:ADDRESS:PORT";

tl::unexpected<Error> refuse(std::string_view text, std::string_view why, std::string_view forms) {
  return fail(ErrorCode::kBadInput, fmt::format("'{}' {}", text, why), std::string(forms));
}

/// The rest of `text` after `scheme:`, or nothing.
bool take_scheme(std::string_view& text, std::string_view scheme) {
  if (!text.starts_with(scheme) || text.substr(scheme.size(), 1) != ":") return false;
  text.remove_prefix(scheme.size() + 1);
  return true;
}

/// A name that may become part of a file's or an interface's name.
bool is_plain_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  };
  return !name.empty() && name.size() <= 32 && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), plain);
}

bool is_tcp_uri(std::string_view uri) {
  if (!take_scheme(uri, "tcp")) return false;
  const std::size_t colon = uri.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view digits = uri.substr(colon + 1);
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return error == std::errc() && end == digits.data() + digits.size() && port > 0 && port <= 65535;
}

}  // namespace

Result<VmAddress> parse_vm(std::string_view text) {
  std::string_view rest = text;
  if (take_scheme(rest, "lab")) {
    if (!is_plain_name(rest)) return refuse(text, "has no plain guest name", kVmForms);
    return VmAddress(LabVm{std::string(rest)});
  }
  if (take_scheme(rest, "qmp")) {
    if (rest.empty()) return refuse(text, "has no socket path", kVmForms);
    return VmAddress(QmpVm{std::string(rest)});
  }
  return refuse(text, "is no VM", kVmForms);
}

Result<DestinationAddress> parse_destination(std::string_view text) {
  std::string_view rest = text;
  if (take_scheme(rest, "lab")) {
    if (!is_plain_name(rest)) return refuse(text, "has no plain host name", kDestinationForms);
    return DestinationAddress(LabHost{std::string(rest)});
  }
  if (take_scheme(rest, "qmp")) {
    const std::size_t at = rest.rfind('@');
    if (at == std::string_view::npos || at == 0) {
      return refuse(text, "does not say where the stream goes", kDestinationForms);
    }
    const std::string_view stream = rest.substr(at + 1);
    if (!is_tcp_uri(stream))
      return refuse(text, "has no tcp:ADDRESS:PORT after @", kDestinationForms);
    return DestinationAddress(QmpDestination{std::string(rest.substr(0, at)), std::string(stream)});
  }
  return refuse(text, "is no destination", kDestinationForms);
}

std::string to_string(const VmAddress& address) {
  if (const auto* lab = std::get_if<LabVm>(&address)) return "lab:" + lab->name;
  return "qmp:" + std::get<QmpVm>(address).socket;
}

std::string to_string(const DestinationAddress& address) {
  if (const auto* lab = std::get_if<LabHost>(&address)) return "lab:" + lab->name;
  const auto& qmp = std::get<QmpDestination>(address);
  return "qmp:" + qmp.socket + "@" + qmp.stream;
}

}  // namespace godwit
