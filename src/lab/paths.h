#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

/// Where a lab's things lie and what they are called: all of them carry its name, so that they are
/// found again without any record. Names hold no '-' (spec.h), so no lab's prefix is another's.

namespace godwit::lab {

inline constexpr std::string_view kRunRoot = "/run/godwit";
inline constexpr std::string_view kNetnsRoot = "/run/netns";  // where ip-netns(8) keeps names
inline constexpr std::string_view kSwitch = "switch";         // namespace of the migration network

inline std::string lab_folder(std::string_view lab) {
  return fmt::format("{}/{}", kRunRoot, lab);
}
inline std::string netns_prefix(std::string_view lab) {
  return fmt::format("godwit-{}-", lab);
}
inline std::string netns_name(std::string_view lab, std::string_view host) {
  return netns_prefix(lab) + std::string(host);
}
inline std::string netns_path(std::string_view netns) {
  return fmt::format("{}/{}", kNetnsRoot, netns);
}
/// `ending`: qmp, observer, console, report, pid or disk.
inline std::string instance_file(std::string_view lab, std::string_view guest,
                                 std::string_view host, std::string_view ending) {
  return fmt::format("{}/{}.{}.{}", lab_folder(lab), guest, host, ending);
}

/// The disk that all its instances share; no instance's file is called like it, as those have two
/// dots. A host's own disk is an instance_file: "disk".
inline std::string disk_file(std::string_view lab, std::string_view guest) {
  return fmt::format("{}/{}.disk", lab_folder(lab), guest);
}

}  // namespace godwit::lab
