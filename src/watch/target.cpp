#include "godwit/watch/target.h"

#include <fmt/format.h>

namespace godwit::watch {

Result<Target> parse_target(std::string_view text) {
  constexpr std::string_view kLibvirt = "libvirt:";
  const bool named = text.starts_with(kLibvirt);
  const bool is_uri =
      text.find("://") != std::string_view::npos && text.find('#') == std::string_view::npos;
  if (is_uri) {
    const std::string host = named ? std::string(text) : fmt::format("{}{}", kLibvirt, text);
    const auto address = parse_destination(host);
    if (address && std::holds_alternative<LibvirtHost>(*address)) {
      return Target(std::get<LibvirtHost>(*address));
    }
  }
  const std::string vm = text.starts_with('/') ? fmt::format("qmp:{}", text) : std::string(text);
  auto parsed = parse_vm(vm);
  if (parsed) return Target(std::move(*parsed));
  return fail(parsed.error().code, fmt::format("'{}' is neither a host nor a VM", text),
              "name a host of libvirt's, as qemu:///system, or a VM: libvirt:NAME, qmp:PATH, "
              "lab:NAME, or the path of a QMP socket");
}

std::string to_string(const Target& target) {
  if (const auto* const host = std::get_if<LibvirtHost>(&target)) return host->uri;
  return godwit::to_string(std::get<VmAddress>(target));
}

}  // namespace godwit::watch
