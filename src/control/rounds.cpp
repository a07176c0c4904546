#include "godwit/control/rounds.h"

#include <algorithm>

namespace godwit::control {
namespace {
Seconds between(std::int64_t from_us, std::int64_t to_us) {
  return Seconds(static_cast<double>(std::max<std::int64_t>(to_us - from_us, 0)) * 1e-6);
}
}  // namespace

void RoundTracker::begin(std::int64_t wall_us) {
  begin_us_ = wall_us;
  round_start_us_ = wall_us;
}

void RoundTracker::on_pass(std::int64_t pass, std::int64_t wall_us, const MigrationStatus& status) {
  if (pass <= last_pass_) return;
  if (pass > 1) close(wall_us, status);
  last_pass_ = pass;
  round_start_us_ = std::max(wall_us, round_start_us_);
}

void RoundTracker::finish(std::int64_t wall_us, const MigrationStatus& last) {
  close(wall_us, last);
}

void RoundTracker::close(std::int64_t wall_us, const MigrationStatus& status) {
  RoundRecord round;
  round.number = current();
  round.started = between(begin_us_, round_start_us_);
  round.duration = between(round_start_us_, wall_us);
  const Bytes sent = std::max(status.transferred.value_or(sent_before_), sent_before_);
  round.sent = sent - sent_before_;
  round.left = status.remaining;
  sent_before_ = sent;
  rounds_.push_back(round);
}

}  // namespace godwit::control
