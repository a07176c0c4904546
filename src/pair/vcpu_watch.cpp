#include "vcpu_watch.h"

#include <algorithm>
#include <vector>

namespace godwit::pair {
namespace {

constexpr Seconds kLookAgain{0.05};
/// The guest of such a death was seen halted, as it had left the source, for some tenths of a
/// second.
constexpr Seconds kShortest{1};
constexpr Seconds kLifeIsRecent{0.5};
/// No kernel keeps all of its vCPUs at one place with interrupts off for so long.
constexpr Seconds kDeadFor{2};
/// A loop of an exception's entry; code that works covers more.
constexpr std::uint64_t kOnePlace = 256;

bool is_stuck(const VcpuLook& now, const VcpuLook& before) {
  if (now.interrupts_enabled || now.privilege_level.value_or(3) != 0) return false;
  const std::uint64_t low = std::min(now.instruction, before.instruction);
  const std::uint64_t high = std::max(now.instruction, before.instruction);
  return now.halted || high - low <= kOnePlace;
}

bool all_stuck(const std::vector<VcpuLook>& now, const std::vector<VcpuLook>& before) {
  if (now.empty() || now.size() != before.size()) return false;
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (!is_stuck(now[i], before[i])) return false;
  }
  return true;
}

}  // namespace

std::optional<std::string> why_dead(Clock& clock, Hypervisor& vm) {
  const TimePoint begin = clock.now();
  TimePoint last_life = begin;
  auto before = vm.look_at_vcpus();
  while (before) {
    (void)clock.wait_until(clock.now() + kLookAgain, {});
    auto now = vm.look_at_vcpus();
    if (!now) return std::nullopt;
    if (!all_stuck(*now, *before)) last_life = clock.now();
    if (clock.now() - last_life >= kDeadFor) {
      return "its vCPUs stand still in the kernel with interrupts off";
    }
    if (clock.now() - begin >= kShortest && clock.now() - last_life < kLifeIsRecent) {
      return std::nullopt;
    }
    before = std::move(now);
  }
  return std::nullopt;
}

}  // namespace godwit::pair
