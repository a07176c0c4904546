#include "godwit/base/proc_file.h"

#include <fmt/format.h>
#include <charconv>

#include <cstdlib>
#include <fstream>

namespace godwit {

std::string value_in(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const auto value = line.find_first_not_of(" \t:", key.size());
    return value == std::string::npos ? std::string() : line.substr(value);
  }
  return {};
}

std::optional<Bytes> kilobytes_in(const std::string& path, std::string_view key) {
  const std::string value = value_in(path, key);
  if (value.empty()) return std::nullopt;
  return 1_KiB * std::strtoll(value.c_str(), nullptr, 10);
}

std::optional<std::int64_t> natural_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::string program_of(std::int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/comm", pid));
  std::string name;
  std::getline(file, name);
  return name;
}

}  // namespace godwit
