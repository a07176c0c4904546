#include "godwit/guestmem/locate_ram.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string_view>
#include <vector>

namespace godwit::guestmem {
namespace {

/// Neighbours in one address space that belong together.
struct Mapping {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  bool shared = false;
  std::string name;
};

/// Memory that is read and written, and no code: of a file only where that is shared, as memory is
/// that other processes see. Nothing for other lines.
std::optional<Mapping> mapping_in(const std::string& line) {
  std::istringstream words(line);
  std::string range, permissions, offset, device, inode;
  Mapping mapping;
  if (!(words >> range >> permissions >> offset >> device >> inode)) return std::nullopt;
  std::getline(words >> std::ws, mapping.name);
  const char* const last = range.data() + range.size();
  const auto [dash, wrong] = std::from_chars(range.data(), last, mapping.start, 16);
  if (wrong != std::errc() || dash == last || *dash != '-') return std::nullopt;
  const auto [end, also_wrong] = std::from_chars(dash + 1, last, mapping.end, 16);
  if (also_wrong != std::errc() || end != last || mapping.end <= mapping.start) return std::nullopt;
  if (!permissions.starts_with("rw-") || mapping.name == "[heap]" || mapping.name == "[stack]") {
    return std::nullopt;
  }
  mapping.shared = permissions.size() > 3 && permissions[3] == 's';
  if (inode != "0" && !mapping.shared) return std::nullopt;
  return mapping;
}

std::vector<Mapping> mappings_in(const std::string& maps) {
  std::vector<Mapping> all;
  std::istringstream lines(maps);
  for (std::string line; std::getline(lines, line);) {
    if (auto one = mapping_in(line)) all.push_back(std::move(*one));
  }
  return all;
}

bool goes_on(const Mapping& one, const Mapping& next) {
  return one.end == next.start && one.shared == next.shared && one.name == next.name;
}

/// Where pieces of that size begin. The kernel splits what was advised in parts (huge pages,
/// post-copy), and something else may lie just before or behind: so whole mappings come first, and
/// rows of neighbours only where `count` of these are not there.
std::vector<std::uint64_t> pieces_of(std::uint64_t size, std::size_t count,
                                     const std::vector<Mapping>& mappings) {
  std::vector<std::uint64_t> whole, rows;
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    const std::uint64_t start = mappings[i].start;
    if (mappings[i].end - start == size) whole.push_back(start);
    std::size_t last = i;
    while (mappings[last].end - start < size && last + 1 < mappings.size() &&
           goes_on(mappings[last], mappings[last + 1])) {
      ++last;
    }
    if (mappings[last].end - start == size) rows.push_back(start);
  }
  return whole.size() == count ? whole : rows;
}

}  // namespace

Result<RamLayout> locate_ram(RamLayout layout, const std::string& maps) {
  const std::vector<Mapping> mappings = mappings_in(maps);
  std::map<std::int64_t, std::vector<std::uint64_t>> by_size;
  std::map<std::int64_t, std::size_t> wanted;
  for (const RamBlock& block : layout.blocks) ++wanted[block.size.count()];
  for (const auto& [size, count] : wanted) {
    by_size[size] = pieces_of(static_cast<std::uint64_t>(size), count, mappings);
    const std::size_t found = by_size[size].size();
    if (found == count) continue;
    return fail(ErrorCode::kUnsupported,
                fmt::format("the VM's memory can't be told apart in its process {}: {} pieces of "
                            "{} bytes are mapped there, and {} are its memory",
                            layout.pid, found, size, count),
                {"migrate without a prediction: ", Setting::kNoProfile});
  }
  for (RamBlock& block : layout.blocks) {
    std::vector<std::uint64_t>& places = by_size[block.size.count()];
    block.host_address = places.front();
    places.erase(places.begin());
  }
  return layout;
}

Result<RamLayout> locate_ram(RamLayout layout) {
  std::ifstream file(fmt::format("/proc/{}/maps", layout.pid));
  const std::string maps((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (maps.empty()) {
    return fail(ErrorCode::kPermission,
                fmt::format("the mappings of process {} can't be seen", layout.pid),
                "run this with sudo");
  }
  return locate_ram(std::move(layout), maps);
}

}  // namespace godwit::guestmem
