#include "cgroup_mounts.h"

#include <algorithm>

#include "godwit/base/split.h"

namespace godwit::cpuquota {
namespace {

bool lists(std::string_view comma_separated, std::string_view word) {
  const auto words = split(comma_separated, ',');
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_octal(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '7'; });
}

/// The kernel writes blanks, tabs, newlines and backslashes of a path as \ooo.
std::string unescaped(std::string_view path) {
  std::string plain;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const std::string_view digits = path.substr(i + 1, 3);
    if (path[i] != '\\' || digits.size() < 3 || !is_octal(digits)) {
      plain += path[i];
      continue;
    }
    plain += static_cast<char>((digits[0] - '0') * 64 + (digits[1] - '0') * 8 + (digits[2] - '0'));
    i += digits.size();
  }
  return plain;
}

std::string_view without_final_slash(std::string_view path) {
  return path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
}

/// One line: ID PARENT DEVICE ROOT POINT OPTIONS [OPTIONAL…] - TYPE SOURCE OPTIONS-OF-ALL.
std::optional<CgroupMount> cpu_mount(std::string_view line) {
  const std::size_t dash = line.find(" - ");
  if (dash == std::string_view::npos) return std::nullopt;
  const auto before = split(line.substr(0, dash), ' ');
  const auto after = split(line.substr(dash + 3), ' ');
  if (before.size() < 6 || after.size() < 3) return std::nullopt;
  const bool v1 = after[0] == "cgroup" && lists(after[2], "cpu");
  if (!v1 && after[0] != "cgroup2") return std::nullopt;
  return CgroupMount{v1 ? CgroupVersion::kV1 : CgroupVersion::kV2, unescaped(before[3]),
                     unescaped(before[4])};
}

}  // namespace

std::optional<Membership> cpu_membership(std::string_view proc_cgroup) {
  std::optional<Membership> found;
  for (const std::string_view line : split(proc_cgroup, '\n')) {  // NUMBER:CONTROLLERS:PATH
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string path(line.substr(second + 1));
    if (lists(controllers, "cpu")) return Membership{CgroupVersion::kV1, path};
    if (line.starts_with("0::")) found = Membership{CgroupVersion::kV2, path};
  }
  return found;
}

std::vector<CgroupMount> cpu_mounts(std::string_view mountinfo) {
  std::vector<CgroupMount> mounts;
  for (const std::string_view line : split(mountinfo, '\n')) {
    if (auto mount = cpu_mount(line)) mounts.push_back(std::move(*mount));
  }
  return mounts;
}

std::optional<std::string> folder_of(const Membership& group,
                                     const std::vector<CgroupMount>& mounts) {
  for (const CgroupMount& mount : mounts) {
    const std::string_view root = without_final_slash(mount.root);
    if (mount.version != group.version || !group.path.starts_with(root)) continue;
    const std::string_view below =
        without_final_slash(std::string_view(group.path).substr(root.size()));
    if (!below.empty() && !below.starts_with('/')) continue;    // "/a" is not above "/ab"
    if (below == "/.." || below.starts_with("/../")) continue;  // outside our cgroup namespace
    return mount.point + std::string(below);
  }
  return std::nullopt;
}

}  // namespace godwit::cpuquota
