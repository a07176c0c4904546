#pragma once

#include <string>

#include "godwit/base/log.h"
#include "godwit/control/migration_run.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/prediction.h"
#include "godwit/engine/link_estimate.h"
#include "godwit/profile/observe.h"

namespace godwit::engine {

/// Is told of each step when it begins, how far it has come, and what it found. Called from the
/// thread that the engine was called from; what takes long here delays the migration. Whoever cares
/// for less overrides less.
class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer() = default;

  /// Worth knowing, and no reason to stop. Each is given once.
  virtual void warning(const std::string& text) { log::warning("{}", text); }

  /// Read-only media of both sides are read; called for every MiB or so.
  virtual void on_comparing(Bytes done, Bytes total) { (void)done, (void)total; }
  virtual void link_estimated(const LinkEstimate&) {}
  virtual void observing(const std::string& vm, Seconds duration) { (void)vm, (void)duration; }
  virtual void on_observing(const profile::ObserveProgress&) {}  ///< some ten times a second
  /// `why`: that nobody asked for it; else empty.
  virtual void rehearsing(const std::string& vm, const std::string& why) { (void)vm, (void)why; }
  virtual void on_rehearsing(Ratio done) { (void)done; }
  virtual void profiled(const GuestProfile&) {}
  virtual void predicted(const Prediction&, const Link&) {}
  virtual void migrating(const MigrationPlan&, const std::string& destination) {
    (void)destination;
  }
  virtual void on_migrating(const control::Progress&) {}  ///< a few times a second
  virtual void on_event(const control::RunEvent&) {}      ///< for each round and each order
  /// However it ended; the record has no id yet.
  virtual void ended(const OutcomeRecord&) {}
};

}  // namespace godwit::engine
