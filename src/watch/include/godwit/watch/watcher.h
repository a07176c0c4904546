#pragma once

#include <functional>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/control/migration_run.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/outcome.h"
#include "godwit/engine/engine.h"
#include "godwit/libvirt/lookout.h"
#include "godwit/watch/target.h"

namespace godwit::watch {

/// A migration that is followed.
struct Followed {
  std::string vm;        ///< its address, as a person gives it
  std::string target;    ///< among those that are watched
  std::string identity;  ///< VmDescription::identity
};

/// Is told what is seen, by one thread at a time. What takes long here delays the looking.
class Onlooker {
 public:
  Onlooker() = default;
  Onlooker(const Onlooker&) = delete;
  Onlooker& operator=(const Onlooker&) = delete;
  virtual ~Onlooker() = default;

  virtual void reached(const std::string& target) = 0;  ///< first, and after each `lost`
  virtual void lost(const std::string& target, const Error& why) = 0;
  virtual void began(const Followed& one) = 0;
  /// About ten times a second.
  virtual void on_progress(const Followed& one, const control::Progress& now) = 0;
  virtual void on_event(const Followed& one, const control::RunEvent& event) = 0;
  virtual void warning(const Followed& one, const std::string& text) = 0;
  /// As far as the source shows it. Not for one that was left on a stop request.
  virtual void ended(const Followed& one, const MigrationOutcome& outcome) = 0;
};

/// An engine for one thread, which the token stops. Thread-safe.
using EngineMaker = std::function<std::unique_ptr<engine::Engine>(std::stop_token)>;

/// Where migrations that leave a host are found; libvirt::Lookout is what it does.
class HostLookout {
 public:
  HostLookout() = default;
  HostLookout(const HostLookout&) = delete;
  HostLookout& operator=(const HostLookout&) = delete;
  virtual ~HostLookout() = default;
  virtual Result<std::vector<libvirt::Departure>> look(const std::set<std::string>& known) = 0;
  virtual void wait(TimePoint deadline, const std::stop_token& stop) = 0;
};
using LookoutMaker = std::function<Result<std::unique_ptr<HostLookout>>(const LibvirtHost& host)>;
/// `stop` ends waiting for a daemon that does not answer.
[[nodiscard]] LookoutMaker libvirt_lookouts(const Clock& clock, std::stop_token stop);

/// How often is looked for what begins. Events of libvirt's tell it earlier.
struct Pace {
  Seconds vm_every{1};    ///< two questions to a monitor; who drives by hand does not notice
  Seconds host_every{5};  ///< a question per domain, where no event told of it
  Seconds host_at_most_every{0.25};
  Seconds retry_every{5};  ///< what can't be reached
};

/// Watches hosts and VMs: each migration that is under way or begins is followed to its end, and
/// nothing is changed. A thread for each target and for each migration.
class Watcher {
 public:
  /// All that is given outlives it. `intent`: what each is judged by.
  Watcher(Clock& clock, EngineMaker engines, LookoutMaker lookouts, Intent intent,
          Onlooker& onlooker, Pace pace = {});

  /// Until a stop is requested. What can't be reached is tried again. An error is one that trying
  /// again won't mend: kEnvironment, kPermission, kUnsupported, kBadInput.
  Result<void> run(const std::vector<Target>& targets, const std::stop_token& stop);

 private:
  class Run;

  Clock& clock_;
  EngineMaker engines_;
  LookoutMaker lookouts_;
  Intent intent_;
  Onlooker& onlooker_;
  Pace pace_;
};

}  // namespace godwit::watch
