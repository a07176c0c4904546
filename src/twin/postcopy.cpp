#include "postcopy.h"

#include <algorithm>
#include <cmath>

namespace godwit::twin {
namespace {

/// Page faults in sequence before a client is answered. Guests keep what they need most where the
/// first pages are sent: fitted on 40 hybrid migrations that sent a quarter to all of
/// memory first.
double faults_of(const MigrationParameters& parameters, const HostPairConstants& pair,
                 const Chance& chance, double share) {
  constexpr double kEarlyPages = 4;
  const double more = chance.faults_at_once - chance.faults_after_pass;
  const double faults = chance.faults_after_pass + more * std::pow(1 - share, kEarlyPages);
  const bool preempt = parameters.postcopy_preempt.value_or(false);
  return faults * (preempt ? pair.preempt_faults : 1.0);
}

}  // namespace

PostcopySilence postcopy_silence(const Sending& sending, const MigrationParameters& parameters,
                                 const HostPairConstants& pair, const Chance& chance, double share,
                                 double last_seconds) {
  const double queue = pair.sender_queue.as_double() / sending.postcopy_rate;
  const double each = queue + pair.fault_cost.count();
  PostcopySilence s;
  s.begun = share > 0 ? 2 * chance.phase * (sending.window / 2 + pair.queued_by_postcopy * queue)
                      : pair.postcopy_ahead.as_double() / sending.switch_rate;
  s.waiting = std::min(faults_of(parameters, pair, chance, share) * each, last_seconds);
  s.silent = std::max(s.waiting, chance.postcopy_stop + s.begun);
  return s;
}

}  // namespace godwit::twin
