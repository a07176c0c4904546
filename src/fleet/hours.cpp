#include "godwit/fleet/hours.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "godwit/schedule/paths.h"

namespace godwit::fleet {
namespace {

/// What was seen of one VM in one hour of the day.
struct SeenInHour {
  std::vector<schedule::MemoryLoad> loads;
  std::set<std::int64_t> days;
};
/// By hour, then by VM.
using ByHour = std::map<int, std::map<std::string, SeenInHour>>;

BytesPerSecond widest_path(const Network& network) {
  BytesPerSecond widest;
  const auto paths = schedule::Paths::of(network);
  for (std::size_t from = 0; paths && from < paths->hosts(); ++from) {
    for (std::size_t to = 0; to < paths->hosts(); ++to) {
      if (from != to) widest = std::max(widest, paths->widest(from, to));
    }
  }
  return widest;
}

/// Infinite, or less than 0, where it never ends.
double seconds(const schedule::MemoryLoad& load, BytesPerSecond rate) {
  return load.memory.as_double() / (rate - load.cold).value();
}

const schedule::MemoryLoad& median_load(std::vector<schedule::MemoryLoad>& loads,
                                        BytesPerSecond rate) {
  const auto middle = loads.begin() + static_cast<std::ptrdiff_t>(loads.size() / 2);
  std::nth_element(loads.begin(), middle, loads.end(), [rate](const auto& a, const auto& b) {
    return seconds(a, rate) < seconds(b, rate);
  });
  return *middle;
}

/// The days on which all were seen; absent where one was not.
std::optional<int> days_of(const std::map<std::string, SeenInHour>& seen,
                           const std::vector<std::string>& vms) {
  std::size_t fewest = vms.empty() ? 0 : SIZE_MAX;
  for (const std::string& vm : vms) {
    const auto one = seen.find(vm);
    fewest = std::min(fewest, one == seen.end() ? 0 : one->second.days.size());
  }
  if (fewest < static_cast<std::size_t>(kFewestDays)) return std::nullopt;
  return static_cast<int>(fewest);
}

}  // namespace

std::vector<HourCost> cost_by_hour(const Situation& situation, const Costs& costs,
                                   const std::vector<Entry>& seen,
                                   const std::function<LocalHour(std::int64_t)>& local,
                                   std::uint64_t seed) {
  const BytesPerSecond rate = widest_path(situation.inventory.network);
  ByHour by_hour;
  for (const Entry& entry : seen) {
    if (entry.kind != Entry::Kind::kSeen || !entry.load || entry.load->cold >= rate) continue;
    const LocalHour at = local(entry.wall_us);
    SeenInHour& one = by_hour[at.hour][entry.vm];
    one.loads.push_back(*entry.load);
    one.days.insert(at.day);
  }
  std::vector<std::string> vms;
  for (const auto& [vm, estimate] : situation.estimates) {
    if (!estimate.ways.empty()) vms.push_back(vm);
  }
  std::vector<HourCost> hours;
  for (auto& [hour, of_vms] : by_hour) {
    const auto days = days_of(of_vms, vms);
    if (!days) continue;
    Situation then = situation;
    for (auto& [vm, wish] : then.goal.wishes) wish.not_before = Seconds(0);
    for (const std::string& vm : vms) {
      then.estimates.at(vm).ways.front().load = median_load(of_vms.at(vm).loads, rate);
    }
    Rng rng(seed);
    const auto plan = make_plan(then, costs, rng);
    if (plan && plan->moves.size() >= vms.size()) hours.push_back({hour, *days, plan->finish});
  }
  return hours;
}

}  // namespace godwit::fleet
