#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/control/rounds.h"
#include "godwit/domain/session.h"
#include "godwit/steer/stage.h"

namespace godwit::control {

/// Watches one migration: its rounds, where it stands, and whether it can still be heard.
class Monitor {
 public:
  Monitor(Clock& clock, MigrationSession& session) : clock_(clock), session_(session) {}

  /// Waits for what happens next, until `deadline` at most. True: a round has ended.
  bool look(TimePoint deadline);
  /// The migration ended: closes the last round.
  void finish();

  [[nodiscard]] const SessionView& view() const { return session_.view(); }
  [[nodiscard]] const std::vector<RoundRecord>& rounds() const { return rounds_.rounds(); }
  [[nodiscard]] int round() const { return rounds_.current(); }
  [[nodiscard]] std::int64_t passes() const { return rounds_.passes(); }
  [[nodiscard]] steer::Stage stage() const { return steer::stage_of(view()); }
  [[nodiscard]] const steer::StageRules& rules() const { return steer::rules_of(stage()); }
  [[nodiscard]] Seconds elapsed() const { return clock_.now() - view().started; }
  /// Nothing new was sent for so long, as far as was answered.
  [[nodiscard]] Seconds standstill() const { return view().last_answer - view().last_progress; }
  /// Nothing more is to be learnt by watching.
  [[nodiscard]] bool over();

 private:
  Clock& clock_;
  MigrationSession& session_;
  RoundTracker rounds_;
};

}  // namespace godwit::control
