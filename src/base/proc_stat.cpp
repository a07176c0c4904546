#include "godwit/base/proc_stat.h"

#include <algorithm>
#include <vector>

#include "godwit/base/proc_file.h"

namespace godwit {
namespace {

std::vector<std::string_view> fields(std::string_view text) {
  std::vector<std::string_view> found;
  while (true) {
    const std::size_t start = text.find_first_not_of(" \n");
    if (start == std::string_view::npos) return found;
    text.remove_prefix(start);
    const std::size_t length = std::min(text.find_first_of(" \n"), text.size());
    found.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
}

/// A field of stat by its number in proc(5), from the third on. The second one, the name in
/// brackets, may itself hold blanks and brackets: the last bracket ends it.
std::optional<std::int64_t> number_in_stat(std::string_view text, std::size_t field) {
  const std::size_t bracket = text.rfind(')');
  if (bracket == std::string_view::npos) return std::nullopt;
  const auto columns = fields(text.substr(bracket + 1));
  if (columns.size() <= field - 3) return std::nullopt;
  return natural_number(columns[field - 3]);
}

}  // namespace

std::optional<Seconds> time_in_schedstat(std::string_view text) {
  const auto columns = fields(text);
  if (columns.size() != 3) return std::nullopt;
  const auto on_cpu = natural_number(columns[0]);
  if (!on_cpu || *on_cpu == 0) return std::nullopt;
  return Seconds(Nanoseconds(*on_cpu));
}

std::optional<Seconds> time_in_stat(std::string_view text, std::int64_t per_second) {
  const auto user = number_in_stat(text, 14);
  const auto system = number_in_stat(text, 15);
  if (!user || !system) return std::nullopt;
  return Seconds((static_cast<double>(*user) + static_cast<double>(*system)) /
                 static_cast<double>(per_second));
}

std::optional<std::int64_t> policy_in_stat(std::string_view text) {
  return number_in_stat(text, 41);
}

std::optional<std::int64_t> start_in_stat(std::string_view text) {
  return number_in_stat(text, 22);
}

}  // namespace godwit
