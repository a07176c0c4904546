#include "console_observer.h"

#include <fmt/format.h>

#include "godwit/base/log.h"
#include "godwit/base/quantity.h"
#include "godwit/terminal/render.h"

namespace godwit::cli {
namespace {

std::string progress_note(const control::Progress& p) {
  const bool disks_first = p.phase == MigrationPhase::kNone && p.storage_left;
  if (disks_first) return fmt::format("mirroring, {} of the disks left", human(*p.storage_left));
  std::string note = fmt::format("{}, {} sent", to_string(p.phase), human(p.transferred));
  if (p.rate) note += fmt::format(" at {}", human(*p.rate));
  if (p.standstill) note += fmt::format(", NOTHING SENT for {}", human(*p.standstill));
  if (p.silence) note += fmt::format(", its monitor is silent for {}", human(*p.silence));
  if (p.point_of_no_return) note += ", past the point of no return";
  return note;
}

/// Sent so far against what is expected in all; QEMU's own "remaining" falls and rises.
double share_done(const control::Progress& p) {
  if (p.eta && (p.elapsed + *p.eta).count() > 0) {
    return p.elapsed.count() / (p.elapsed + *p.eta).count();
  }
  return 0;
}

}  // namespace

void ConsoleObserver::say(std::string_view line) {
  bar_.reset();
  context_.out.say(line);
}

void ConsoleObserver::draw(double done, std::optional<Seconds> left, std::string_view label,
                           std::string_view note) {
  if (!bar_) bar_.emplace(context_.clock, context_.out.bar_stream());
  bar_->draw(done, left, label, note);
}

void ConsoleObserver::warning(const std::string& text) {
  bar_.reset();
  log::warning("{}", text);
}

void ConsoleObserver::link_estimated(const engine::LinkEstimate& estimate) {
  say(fmt::format("link: {} ({})", human(estimate.link.rate), estimate.origin));
}

void ConsoleObserver::observing(const std::string& vm, Seconds duration) {
  say(fmt::format("observing {} for {}", vm, human(duration)));
}

void ConsoleObserver::on_observing(const profile::ObserveProgress& progress) {
  draw(progress.done.value(), progress.left, "observing");
}

void ConsoleObserver::on_comparing(Bytes done, Bytes total) {
  constexpr Bytes kWorthSaying = 1_GiB;
  if (done == Bytes(0)) {
    comparing_since_ = context_.clock.now();
    if (total >= kWorthSaying) {
      log::warning("comparing {} of read-only media (Ctrl-C ends it)", human(total));
    }
  }
  const double share = total > Bytes(0) ? done / total : 0;
  const Seconds elapsed = context_.clock.now() - comparing_since_;
  const auto left = share > 0 ? std::optional(elapsed * (1 / share - 1)) : std::nullopt;
  draw(share, left, "comparing media", fmt::format("{} of {}", human(done), human(total)));
}

void ConsoleObserver::rehearsing(const std::string& vm) {
  say(fmt::format("rehearsing {} (Ctrl-C cancels, the VM stays)", vm));
}

void ConsoleObserver::on_rehearsing(Ratio done) {
  draw(done.value(), {}, "rehearsing");
}

void ConsoleObserver::profiled(const GuestProfile& profile) {
  say(terminal::profile_text(profile));
}

void ConsoleObserver::predicted(const Prediction& prediction, const Link& link) {
  prediction_ = prediction;
  say(fmt::format("\npredicted over {}", human(link.rate)));
  say(terminal::prediction_text(prediction));
}

void ConsoleObserver::migrating(const MigrationPlan& plan, const std::string& destination) {
  say(fmt::format("\nmigrating by {} to {} (Ctrl-C cancels{}, the VM stays)",
                  to_string(plan.technique), destination,
                  uses_postcopy(plan.technique) ? " until post-copy begins" : ""));
}

void ConsoleObserver::on_migrating(const control::Progress& progress) {
  draw(share_done(progress), progress.eta, fmt::format("round {}", progress.round),
       progress_note(progress));
}

void ConsoleObserver::ended(const OutcomeRecord& record) {
  say(terminal::outcome_text(record.outcome));
  const std::string comparison =
      record.predicted ? terminal::comparison_text(*record.predicted, record.outcome) : "";
  if (!comparison.empty() && record.outcome.status == OutcomeStatus::kCompleted) {
    say("\npredicted against actual\n" + comparison);
  }
}

}  // namespace godwit::cli
