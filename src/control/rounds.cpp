#include "godwit/control/rounds.h"

#include <algorithm>

namespace godwit::control {
namespace {

Seconds between(std::int64_t from_us, std::int64_t to_us) {
  return Seconds(static_cast<double>(std::max<std::int64_t>(to_us - from_us, 0)) * 1e-6);
}

/// Of one CPU, by vCPU. Nothing where a vCPU came or went: its round was another one.
std::vector<Ratio> used_between(const VcpuCount& from, const VcpuCount& to) {
  const Seconds time = between(from.wall_us, to.wall_us);
  if (time <= Seconds(0) || from.uses.size() != to.uses.size()) return {};
  std::vector<Ratio> used;
  for (std::size_t i = 0; i < to.uses.size(); ++i) {
    if (from.uses[i].thread != to.uses[i].thread) return {};
    const double share = (to.uses[i].on_cpu - from.uses[i].on_cpu) / time;
    used.emplace_back(std::clamp(share, 0.0, 1.0));
  }
  return used;
}

}  // namespace

void RoundTracker::begin(std::int64_t wall_us) {
  if (begin_us_) return;
  begin_us_ = wall_us;
  round_start_us_ = wall_us;
}

/// Nothing where QEMU had synced again before it could be asked: it is not known then what was
/// dirtied in which of the passes.
std::optional<RoundTracker::Mark> RoundTracker::mark_of(const PassSync& sync) {
  const MigrationStatus& status = sync.status;
  const bool counted = status.normal_pages || status.zero_pages;
  if (!counted || !status.remaining || status.dirty_sync_count != sync.pass) return std::nullopt;
  const PageSize page = page_size(status);
  return Mark{sync.pass, page.bytes_of(pages_sent(status) + page.pages_for(*status.remaining))};
}

/// In the first pass nothing was missed.
void RoundTracker::join(const PassSync& seen) {
  last_pass_ = seen.pass;
  joined_in_ = static_cast<int>(seen.pass);
  if (seen.pass == 1) {
    mark_ = mark_of(seen);
    return;
  }
  round_start_us_ = std::max(seen.wall_us, round_start_us_);
  sent_before_ = seen.status.transferred.value_or(Bytes());
}

void RoundTracker::on_pass(const PassSync& sync) {
  if (sync.pass <= last_pass_) return;
  if (sync.joined) return join(sync);
  const std::optional<Mark> mark = mark_of(sync);
  if (sync.pass > 1) {
    close(sync.wall_us, sync.status);
    if (mark && mark_ && mark_->pass + 1 == mark->pass) {
      const Bytes dirtied = std::max(mark->ever_dirty - mark_->ever_dirty, Bytes());
      rounds_.back().dirtied = std::min(dirtied, sync.status.total.value_or(dirtied));
    }
    if (vcpus_ && sync.vcpus) rounds_.back().vcpu_used = used_between(*vcpus_, *sync.vcpus);
  }
  vcpus_ = sync.vcpus;
  mark_ = mark;
  last_pass_ = sync.pass;
  round_start_us_ = std::max(sync.wall_us, round_start_us_);
}

void RoundTracker::finish(std::int64_t wall_us, const MigrationStatus& last) {
  close(wall_us, last);
}

void RoundTracker::close(std::int64_t wall_us, const MigrationStatus& status) {
  RoundRecord round;
  round.number = current();
  round.started = between(begin_us_.value_or(round_start_us_), round_start_us_);
  round.duration = between(round_start_us_, wall_us);
  const Bytes sent = std::max(status.transferred.value_or(sent_before_), sent_before_);
  round.sent = sent - sent_before_;
  round.left = status.remaining;
  sent_before_ = sent;
  rounds_.push_back(round);
}

}  // namespace godwit::control
