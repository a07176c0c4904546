#include "console_observer.h"

#include <fmt/format.h>

#include "godwit/base/log.h"
#include "godwit/base/quantity.h"
#include "godwit/terminal/progress_lines.h"
#include "godwit/terminal/render.h"

namespace godwit::cli {

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

void ConsoleObserver::rehearsing(const std::string& vm, const std::string& why) {
  const std::string reason = why.empty() ? "" : "; --no-rehearse leaves it out: " + why;
  say(fmt::format("rehearsing {} for some seconds (Ctrl-C cancels, the VM stays{})", vm, reason));
}

void ConsoleObserver::on_rehearsing(Ratio done) {
  draw(done.value(), {}, "rehearsing");
}

void ConsoleObserver::profiled(const GuestProfile& profile) {
  say(terminal::profile_text(profile));
}

void ConsoleObserver::predicted(const Prediction& prediction, const Link& link) {
  prediction_ = prediction;
  say("\npredicted over " + terminal::link_text(link));
  say(terminal::prediction_text(prediction));
}

void ConsoleObserver::migrating(const MigrationPlan& plan, const std::string& destination) {
  say(fmt::format("\nmigrating by {} to {} (Ctrl-C cancels{}, the VM stays)",
                  to_string(plan.technique), destination,
                  uses_postcopy(plan.technique) ? " until post-copy begins" : ""));
}

void ConsoleObserver::on_migrating(const control::Progress& progress) {
  const auto& eta = progress.forecast.eta;
  draw(terminal::share_done(progress), eta ? std::optional(eta->p50) : std::nullopt,
       fmt::format("round {}", progress.round), terminal::progress_note(progress));
}

void ConsoleObserver::on_event(const control::RunEvent& event) {
  context_.out.line(terminal::line_of(event));
  if (event.order != nullptr) say("  " + terminal::order_text(*event.order));
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
