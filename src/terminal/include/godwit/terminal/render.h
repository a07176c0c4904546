#pragma once

#include <string>
#include <vector>

#include "godwit/control/rehearsal.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/link.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/prediction.h"
#include "godwit/terminal/table.h"

/// Values as text for people. Pure.

namespace godwit::terminal {

/// "40.0 MB/s, round trip 5 ms"
[[nodiscard]] std::string link_text(const Link& link);
[[nodiscard]] std::string profile_text(const GuestProfile& profile);
/// One row per technique, then why the ones that do not converge don't, then the advice.
[[nodiscard]] std::string prediction_text(const Prediction& prediction);
/// What it cost, and why it ended early if it did.
[[nodiscard]] std::string rehearsal_text(const control::Rehearsal& rehearsal);
/// How it ended, where the VM runs, whether the guest is alive.
[[nodiscard]] std::string outcome_text(const MigrationOutcome& outcome);
/// Predicted beside actual, per measure; empty when there is nothing to compare.
[[nodiscard]] Table comparison_table(const Prediction& predicted, const MigrationOutcome& outcome);
[[nodiscard]] std::string comparison_text(const Prediction& predicted,
                                          const MigrationOutcome& outcome);
[[nodiscard]] std::string history_text(const std::vector<OutcomeRecord>& records);

}  // namespace godwit::terminal
