#include "godwit/control/vcpu_watch.h"

#include <algorithm>

namespace godwit::control {
namespace {

constexpr Seconds kBetweenLooks{0.05};
/// The guest of such a death was seen halted, as it had left the source, for some tenths of a
/// second.
constexpr Seconds kShortest{1};
constexpr Seconds kLifeIsRecent{0.5};
/// No kernel keeps all of its vCPUs at one place with interrupts off for so long a time of theirs.
constexpr Seconds kDeadFor{2};
/// Where nobody can tell how much of that they had of a busy host.
constexpr Seconds kDeadForUnseen{10};
/// Then it is not known: a host may give them next to nothing.
constexpr Seconds kAtMost{30};
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

/// What was seen when the guest last showed life.
struct Life {
  TimePoint at;
  std::optional<Seconds> cpu_time;
};

/// All vCPUs have been stuck since. A halted one needs no time of the host's to be dead; one that
/// executes is as good as not there while a busy host gives it none.
bool is_dead(const Life& last, const std::vector<VcpuLook>& now, TimePoint at) {
  const bool halted =
      std::all_of(now.begin(), now.end(), [](const VcpuLook& vcpu) { return vcpu.halted; });
  const Seconds since = at - last.at;
  if (halted) return since >= kDeadFor;
  if (!last.cpu_time || !now.front().cpu_time) return since >= kDeadForUnseen;
  return since >= kDeadFor && *now.front().cpu_time - *last.cpu_time >= kDeadFor;
}

}  // namespace

std::optional<std::string> why_dead(Clock& clock, const LookAtVcpus& look) {
  const TimePoint begin = clock.now();
  auto before = look();
  if (!before || before->empty()) return std::nullopt;
  Life last{begin, before->front().cpu_time};
  while (clock.now() - begin < kAtMost) {
    (void)clock.wait_until(clock.now() + kBetweenLooks, {});
    auto now = look();
    if (!now || now->empty()) return std::nullopt;
    if (!all_stuck(*now, *before)) last = {clock.now(), now->front().cpu_time};
    if (is_dead(last, *now, clock.now())) {
      return "its vCPUs stand still in the kernel with interrupts off";
    }
    if (clock.now() - begin >= kShortest && clock.now() - last.at < kLifeIsRecent) {
      return std::nullopt;
    }
    before = std::move(now);
  }
  return std::nullopt;
}

}  // namespace godwit::control
