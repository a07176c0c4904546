#include "monitor_proof.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "godwit/base/split.h"

namespace godwit::guestmem {
namespace {

/// An option by either of QEMU's spellings, -NAME and --NAME.
bool is_option(std::string_view word, std::string_view name) {
  if (!word.starts_with('-')) return false;
  word.remove_prefix(word.starts_with("--") ? 2 : 1);
  return word == name;
}

/// Values of an option, each as QEMU lists them: "FIRST,key=value,…". A comma within a value is
/// doubled; such values are left out.
std::vector<std::vector<std::string_view>> values_of(const std::vector<std::string_view>& words,
                                                     std::string_view name) {
  std::vector<std::vector<std::string_view>> values;
  for (std::size_t i = 1; i + 1 < words.size(); ++i) {
    if (!is_option(words[i], name) || words[i + 1].find(",,") != std::string_view::npos) continue;
    values.push_back(split(words[i + 1], ','));
  }
  return values;
}

std::optional<std::string_view> value_of(const std::vector<std::string_view>& parts,
                                         std::string_view key) {
  for (const std::string_view part : parts) {
    if (part.starts_with(key) && part.substr(key.size()).starts_with('=')) {
      return part.substr(key.size() + 1);
    }
  }
  return std::nullopt;
}

bool has_control_monitor(const std::vector<std::string_view>& words, std::string_view chardev) {
  const auto all = values_of(words, "mon");
  return std::any_of(all.begin(), all.end(), [chardev](const auto& parts) {
    const bool named = value_of(parts, "chardev") == chardev || parts.front() == chardev;
    return named && value_of(parts, "mode") == "control";
  });
}

}  // namespace

bool is_qemu_program(std::string_view path) {
  constexpr std::string_view kReplaced = " (deleted)";
  if (path.ends_with(kReplaced)) path.remove_suffix(kReplaced.size());
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name == "qemu-kvm" || name.starts_with("qemu-system-");
}

bool serves_qmp_at(std::string_view command_line, std::string_view path) {
  const std::vector<std::string_view> words = split(command_line, '\0');
  if (path.empty()) return false;
  for (const std::string_view option : {"qmp", "qmp-pretty"}) {
    for (const auto& parts : values_of(words, option)) {
      constexpr std::string_view kKind = "unix:";
      const std::string_view where = parts.front();
      if (where.starts_with(kKind) && where.substr(kKind.size()) == path) return true;
    }
  }
  for (const auto& parts : values_of(words, "chardev")) {
    const auto id = value_of(parts, "id");
    if (parts.front() == "socket" && id && !id->empty() && value_of(parts, "path") == path &&
        has_control_monitor(words, *id)) {
      return true;
    }
  }
  return false;
}

}  // namespace godwit::guestmem
