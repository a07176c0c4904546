#include "godwit/steer/rehearsal_law.h"

#include <algorithm>

namespace godwit::steer {
namespace {

/// More than any core can scan and copy: no limit.
constexpr BytesPerSecond kFullSpeed{10e9};
/// QEMU counts in tenths of a second and takes 0 for no limit.
constexpr BytesPerSecond kSlowest{100};
/// Zero pages cost QEMU 9 bytes, others a page and 8.
constexpr std::int64_t kPageHeader = 8;
constexpr double kZeroPage = 9;
/// A pass this much longer than wanted is let go.
constexpr double kOverdue = 1.5;
/// A window is measured by a pass of at least this share of it.
constexpr double kLongEnough = 0.6;
/// Without one for this many times the window, none will come.
constexpr double kPatienceInWindows = 2;
constexpr Seconds kPatienceBesides{0.5};
/// Shorter passes are what QEMU sent before it could be told to slow down.
constexpr Seconds kShortestPass{0.04};

Order rate(BytesPerSecond wanted, const char* why) {
  Order order;
  order.max_bandwidth = std::clamp(wanted, kSlowest, kFullSpeed);
  order.why = why;
  return order;
}

}  // namespace

Ratio RehearsalLaw::share_done() const {
  return Ratio(static_cast<double>(next_) / static_cast<double>(windows_.size()));
}

std::vector<Pass> RehearsalLaw::measured() const {
  if (passes_.empty() && first_ && first_->window >= kShortestPass) return {*first_};
  return passes_;
}

std::optional<Seconds> RehearsalLaw::first_pass() const {
  return first_ ? std::optional(first_->window) : std::nullopt;
}

Order RehearsalLaw::after_round(const RoundView& view) {
  const RoundRecord& round = view.rounds.back();
  if (round.dirtied) take({round.duration, *round.dirtied}, view.passes, view.elapsed);
  return {};
}

void RehearsalLaw::take(const Pass& pass, std::int64_t syncs, Seconds now) {
  if (syncs == 2) {
    first_ = pass;
    return;
  }
  if (pass.window < kShortestPass) return;
  passes_.push_back(pass);
  if (!done() && pass.window >= kLongEnough * windows_[next_]) {
    ++next_;
    last_success_ = now;
  }
}

Order RehearsalLaw::at_look(const RoundView& view) {
  Order order = rate_for(view);
  ended_early_ = why_end(view);
  if (!done() && ended_early_.empty()) return order;
  order = {};
  order.give_up = true;
  order.why = done() ? "every window is measured" : ended_early_;
  return order;
}

/// Empty while there is something to be measured.
std::string RehearsalLaw::why_end(const RoundView& view) const {
  constexpr const char* kQuiet =
      "the guest dirties so little that QEMU sends it at once: longer passes cannot be made";
  if (done()) return "";
  if (view.session.paused_as) return "somebody paused the VM";
  if (view.status().phase == MigrationPhase::kPreSwitchover) return kQuiet;
  const bool measuring = view.status().dirty_sync_count.value_or(0) > 1;
  const Seconds patience = kPatienceInWindows * windows_[next_] + kPatienceBesides;
  return measuring && view.elapsed - last_success_ > patience ? kQuiet : "";
}

Order RehearsalLaw::rate_for(const RoundView& view) {
  const MigrationStatus& status = view.status();
  if (status.phase != MigrationPhase::kActive || done()) return {};
  const std::int64_t pass = status.dirty_sync_count.value_or(0);
  if (pass > steered_pass_) {
    if (steered_pass_ == 1) last_success_ = view.elapsed;
    steered_pass_ = pass;
    return rate_for_new_pass(view);
  }
  if (pass == 1 && !at_full_speed_ && status.throughput) {
    at_full_speed_ = true;  // it measures its throughput and sets the threshold in one go
    return rate(kFullSpeed, "the first pass reads all memory");
  }
  if (pass > 1 && !hurried_ && view.elapsed - pass_began_ > kOverdue * windows_[next_]) {
    hurried_ = true;  // its pages are dearer than those of the pass before
    return rate(kFullSpeed, "the pass is longer than wanted");
  }
  return {};
}

Order RehearsalLaw::rate_for_new_pass(const RoundView& view) {
  const MigrationStatus& status = view.status();
  const double per_page = bytes_per_page(status);
  const auto pages = page_size(status).pages_for(status.remaining.value_or(Bytes())).count();
  pass_began_ = view.elapsed;
  hurried_ = false;
  sent_before_ = pages_sent(status);
  transferred_before_ = status.transferred.value_or(Bytes());
  return rate(BytesPerSecond(static_cast<double>(pages) * per_page / windows_[next_].count()),
              "a new pass, as long as the next window");
}

/// As it was in the pass before; the first one mixes what the guest writes with all the rest.
double RehearsalLaw::bytes_per_page(const MigrationStatus& status) const {
  const double page = page_size(status).bytes().as_double();
  const std::int64_t sent = (pages_sent(status) - sent_before_).count();
  if (sent_before_ == PageCount() || sent <= 0) return page + kPageHeader;
  const Bytes bytes = status.transferred.value_or(Bytes()) - transferred_before_;
  return std::clamp(bytes.as_double() / static_cast<double>(sent), kZeroPage, page + kPageHeader);
}

}  // namespace godwit::steer
