#include "godwit/hmp/ramblock.h"

#include <charconv>

#include "godwit/qmp/message.h"

namespace godwit::hmp {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

/// Cuts the last word off; columns are read from the right, as a name may contain blanks.
std::string_view cut_last_word(std::string_view& line) {
  line = trim(line);
  const std::size_t blank = line.find_last_of(kBlanks);
  const std::string_view word = blank == std::string_view::npos ? line : line.substr(blank + 1);
  line.remove_suffix(word.size());
  return word;
}

std::optional<std::uint64_t> hex(std::string_view word) {
  if (word.substr(0, 2) == "0x") word.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, 16);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

std::optional<RamBlockLine> parse_block(std::string_view line, bool with_address) {
  RamBlockLine block;
  std::uint64_t address = 0;
  if (with_address) {
    cut_last_word(line);  // "rw" or "ro"
    const auto host = hex(cut_last_word(line));
    if (!host) return std::nullopt;
    address = *host;
  }
  const auto total = hex(cut_last_word(line));
  const auto used = hex(cut_last_word(line));
  const auto offset = hex(cut_last_word(line));
  constexpr auto kMost = static_cast<std::uint64_t>(kMostBytes.count());
  if (!total || !used || !offset || *used > kMost || *total > kMost) return std::nullopt;
  cut_last_word(line);  // unit of the page size
  cut_last_word(line);  // page size
  block.name = trim(line);
  block.used = Bytes(static_cast<std::int64_t>(*used));
  block.most = Bytes(static_cast<std::int64_t>(*total));
  if (address != 0) block.host_address = address;
  return block;
}

/// "0000000000100000-0000000003ffffff (prio 0, ram): pc.ram @0000000000100000 KVM"
std::optional<MappedRegion> parse_range(std::string_view line) {
  line = trim(line);
  const std::size_t dash = line.find('-');
  const std::size_t kind_end = line.find("): ");
  if (dash == std::string_view::npos || kind_end == std::string_view::npos) return std::nullopt;
  const std::size_t comma = line.rfind(", ", kind_end);
  if (comma == std::string_view::npos) return std::nullopt;
  const std::string_view kind = line.substr(comma + 2, kind_end - comma - 2);
  if (kind != "ram" && kind != "rom" && kind != "nv-ram") return std::nullopt;
  const auto start = hex(line.substr(0, dash));
  std::string_view name = line.substr(kind_end + 3);
  if (name.ends_with(" KVM")) name.remove_suffix(4);
  std::uint64_t offset = 0;
  if (const std::size_t at = name.rfind(" @"); at != std::string_view::npos) {
    if (const auto value = hex(name.substr(at + 2))) {
      offset = *value;
      name = name.substr(0, at);
    }
  }
  if (!start || name.empty()) return std::nullopt;
  return MappedRegion{std::string(name), *start, offset};
}

}  // namespace

Result<std::vector<RamBlockLine>> parse_ramblock(std::string_view text) {
  const std::string_view header = next_line(text);
  if (header.find("Block Name") == std::string_view::npos) {
    return fail(qmp::unreadable("info ramblock", "its heading is missing"));
  }
  const bool with_address = header.find("HVA") != std::string_view::npos;
  std::vector<RamBlockLine> blocks;
  Bytes all;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    if (trim(line).empty()) continue;
    auto block = parse_block(line, with_address);
    if (!block) return fail(qmp::unreadable("info ramblock", line));
    all = capped_sum(all, block->used);
    if (all == kMostBytes)
      return fail(qmp::unreadable("info ramblock", "no machine has so much RAM"));
    blocks.push_back(std::move(*block));
  }
  return blocks;
}

Result<std::vector<MappedRegion>> parse_mtree(std::string_view text) {
  std::vector<MappedRegion> regions;
  bool as_cpus_see_it = false;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    if (line.starts_with("FlatView")) as_cpus_see_it = false;
    if (trim(line).starts_with("AS \"memory\",")) as_cpus_see_it = true;
    if (!as_cpus_see_it) continue;
    if (auto region = parse_range(line)) regions.push_back(std::move(*region));
  }
  if (regions.empty()) return fail(qmp::unreadable("info mtree", "no RAM in it"));
  return regions;
}

/// "Host virtual address for 0x0 (pc.ram) is 0x7f946be00000"
Result<HostAddress> parse_gpa2hva(std::string_view text) {
  const std::string_view line = trim(next_line(text));
  const std::size_t name = line.find(" (");
  const std::size_t is = line.rfind(") is ");
  if (name == std::string_view::npos || is == std::string_view::npos || is < name + 2) {
    return fail(qmp::unreadable("gpa2hva", line));
  }
  const auto address = hex(line.substr(is + 5));
  if (!address || *address == 0) return fail(qmp::unreadable("gpa2hva", line));
  return HostAddress{std::string(line.substr(name + 2, is - name - 2)), *address};
}

}  // namespace godwit::hmp
