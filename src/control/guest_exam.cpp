#include "guest_exam.h"

#include <algorithm>
#include <string>
#include <vector>

namespace godwit::control {
namespace {
/// Ten of the guest's reports (one each 100 ms): the pace is then known to some percent.
constexpr Seconds kPaceWindow{1.0};
/// A guest under emulation on a busy host was seen to need under a second; ten are beyond doubt.
constexpr Seconds kProofPatience{10.0};
/// A guest whose memory was spoilt was seen to complain within some tenths of a second.
constexpr Seconds kConsoleWatch{1.0};
constexpr Seconds kLookAgain{0.02};

std::string join(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) all += all.empty() ? part : ", " + part;
  return all;
}
}  // namespace

std::optional<GuestExam::Sample> GuestExam::sample(Side side) {
  if (check_ == nullptr) return std::nullopt;
  const auto vitals = check_->look(side);
  if (!vitals || !vitals->work) return std::nullopt;
  return Sample{clock_.now(), *vitals->work};
}

void GuestExam::before() {
  const auto first = sample(Side::kSource);
  if (!first) return;
  (void)clock_.wait_until(first->when + kPaceWindow, {});
  start_ = sample(Side::kSource);
  if (!start_) return;
  usual_pace_ =
      static_cast<double>(start_->work - first->work) / (start_->when - first->when).count();
}

void GuestExam::mark() {
  if (!start_) return;
  if (const auto now = sample(Side::kSource)) start_ = now;
}

/// Two looks on that side, the second with more work done than the first, and a console that stayed
/// quiet meanwhile: what was reported before the move proves nothing.
GuestExam::Watched GuestExam::watch(Side side) {
  Watched seen;
  const TimePoint begin = clock_.now();
  std::optional<std::int64_t> first;
  while (clock_.now() - begin < kProofPatience) {
    if (const auto vitals = check_->look(side)) {
      seen.last = *vitals;
      if (seen.last.oops) return seen;
      if (seen.last.work && !first) {
        first = seen.last.work;
        seen.slowdown = slowdown(*first);
      }
      seen.works = first && *seen.last.work > *first;
      if (seen.works && clock_.now() - begin >= kConsoleWatch) return seen;
    }
    (void)clock_.wait_until(clock_.now() + kLookAgain, {});
  }
  return seen;
}

std::optional<Ratio> GuestExam::slowdown(std::int64_t work) const {
  if (!usual_pace_ || *usual_pace_ <= 0 || !start_) return std::nullopt;
  const double expected = *usual_pace_ * (clock_.now() - start_->when).count();
  if (expected <= 0) return std::nullopt;
  return Ratio(std::clamp(1 - static_cast<double>(work - start_->work) / expected, 0.0, 1.0));
}

GuestOutcome GuestExam::after(Side side, std::int64_t moved_wall_us) {
  GuestOutcome outcome;
  std::vector<std::string> proofs;
  bool well = true;
  if (check_ != nullptr) {
    const Watched seen = watch(side);
    outcome.slowdown = seen.slowdown;
    outcome.longest_gap = seen.last.longest_gap;
    proofs.push_back(seen.last.oops ? "its kernel complained: " + *seen.last.oops
                     : seen.works   ? "its work counter advances, its kernel is quiet"
                                    : "its work counter stands still");
    well = seen.works && !seen.last.oops;
  }
  if (probe_ != nullptr) {
    const TimePoint give_up = clock_.now() + kProofPatience;
    while (!probe_->answered_since(moved_wall_us) && clock_.now() < give_up) {
      (void)clock_.wait_until(clock_.now() + kLookAgain, {});
    }
    const bool answers = probe_->answered_since(moved_wall_us);
    proofs.emplace_back(answers ? "it answers pings" : "it answers no pings");
    well = well && answers;
  }
  if (!proofs.empty()) outcome.alive = well;
  outcome.evidence = proofs.empty() ? "nobody could look inside" : join(proofs);
  return outcome;
}

}  // namespace godwit::control
