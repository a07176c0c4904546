#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/control/rehearsal.h"
#include "godwit/domain/outcome.h"
#include "godwit/engine/observer.h"
#include "godwit/engine/open_pair.h"
#include "godwit/engine/opener.h"
#include "godwit/engine/places.h"
#include "godwit/engine/recovery.h"
#include "godwit/engine/request.h"
#include "godwit/twin/host_pair.h"

namespace godwit::engine {

class SameContents;

/// How a VM is to be observed.
struct ObserveRequest {
  std::string vm;  ///< as the user named it; the profile carries it
  Seconds duration{8};
  Ratio cpu_cap = profile::ObserveOptions{}.cpu_cap;  ///< of one CPU
  /// Watched meanwhile, of a VM that was opened with kDrive: dirty bitmaps are leased.
  std::vector<Disk> disks{};
  /// A guest on KVM has its dirtied pages counted (control/dirty_count.h), where nothing speaks
  /// against it.
  bool count_dirtied = true;
};

/// What came of rehearsing a VM where that is due.
struct Rehearsed {
  std::string why;  ///< it was rehearsed, or was not
  std::optional<control::Rehearsal> rehearsal;
  std::optional<Error> failed;  ///< it was due, and could not be
};

/// A migration that is ready to be run, and why it shall be run like this.
struct PlannedMigration {
  MigrationPlan plan;
  /// What is expected of that plan, the disks' time included; absent where nothing is known.
  std::optional<TechniquePrediction> expected;
  /// All that is known before: sides, link, profile, prediction. The row of the plan's technique is
  /// what is expected of the plan.
  OutcomeRecord before;
  std::optional<Rehearsed> rehearsed;  ///< absent without a profile
  std::vector<std::string> warnings;   ///< that were given to the observer
  twin::HostPairConstants hosts{};     ///< what is known of them, for a law that predicts
  Requested requested;
  bool relay = false;  ///< as asked for, and the next three
  bool keep = true;
  std::string store;
  Seconds mend_for{};
  std::function<bool()> await_turn{};  ///< control::RunOptions
};

/// The main job without a user interface. It opens VMs, looks, predicts, chooses, migrates, keeps
/// what came of it, and recovers what a killed process has left. Blocks; one thread at a time. A
/// stop request ends what is under way as soon as that is safe; `leave`
/// ends the watching of what can't be stopped any more.
class Engine {
 public:
  Engine(Clock& clock, std::unique_ptr<Opener> opener, Places places, std::stop_token stop,
         std::stop_token leave = {});
  ~Engine();

  [[nodiscard]] const Places& places() const { return places_; }

  // --- one VM ---

  /// Connects to a VM by its address, or to a monitor, and asks what it is. With kDrive it also
  /// takes the VM's lock and gives back what a Godwit that was killed had borrowed of it: kBusy
  /// where that can't be done, as its settings would be taken for the VM's own.
  Result<OpenVm> open(const VmAddress& address, Access access);
  Result<OpenVm> open_monitor(const std::string& monitor, Access access);

  /// Looks at the VM's memory from outside for a while. kPermission where it can't be read here.
  /// Disks that can't be watched are warned of, and have sizes only.
  Result<GuestProfile> observe(OpenVm& vm, const ObserveRequest& request, Observer& observer);
  /// Rehearses a VM (control/rehearsal.h), with its journal, where that is due, and puts what was
  /// seen into its profile. A VM that was opened to be observed is driven from then on. A rehearsal
  /// that can't be is no Error, but kInterrupted is.
  Result<Rehearsed> rehearse_where_due(GuestProfile& profile, OpenVm& vm, const std::string& name,
                                       Rehearse when, const Intent& intent, Observer& observer);

  // --- a migration ---

  /// Can be kept what a migration leaves behind: its journal, and its outcome if that is asked for?
  /// To be asked before anything is touched.
  Result<void> check_places(const Request& request) const;

  /// Opens two QEMUs that somebody else started.
  Result<OpenPair> open_pair(const QmpVm& source, const QmpDestination& destination,
                             const PingTarget& ping);

  /// Opens a domain of libvirt's, and the host that it is to move to.
  Result<OpenPair> open_pair(const LibvirtVm& source, const LibvirtHost& destination,
                             const PingTarget& ping);

  /// Compares both sides, asks history for the link and the hosts, observes the guest, predicts
  /// each technique and chooses by the intent. The guest runs on as it was. Errors: what preflight
  /// refuses (preflight/preflight.h); kImpossible where nothing meets the intent, which the
  /// observer has got the prediction for; kBadInput (Request); kInterrupted.
  Result<PlannedMigration> plan(OpenPair& pair, const Request& request, Observer& observer);

  /// Looks at both sides once more, as time has passed, and runs the migration. An Error means that
  /// nothing was started: the VM is where it was. The outcome is kept if that was asked for; one
  /// that can't be kept is warned of.
  Result<OutcomeRecord> execute(OpenPair& pair, const PlannedMigration& planned,
                                Observer& observer);

  // --- a migration that somebody else drives ---

  /// Returns true once a migration of that VM is under way: at once, or, with `wait`, when somebody
  /// starts one. False where none is and nobody waits. kBadInput for a VM that receives one;
  /// kInterrupted.
  Result<bool> await_migration(OpenVm& vm, bool wait);
  /// Follows it to its end and changes nothing. The outcome says what the source shows of it; one
  /// that was left on a stop request says so. kNotFound: none is under way (any more).
  Result<MigrationOutcome> watch(OpenVm& vm, const Intent& intent, Observer& observer);

  // --- after a kill ---

  /// Looks after every entry of the journal whose Godwit lives no more: connects to both sides,
  /// gives back what was borrowed, and keeps what is left to do in the journal.
  Result<std::vector<RecoveredVm>> recover();
  /// The same for one VM, by the name that its driver gave it, and for who is to move it anew: a
  /// pre-copy that goes on by itself is cancelled, as nobody steers it any more, and waited for.
  /// Nothing where nobody was killed while moving it.
  Result<std::optional<RecoveredVm>> take_over(const std::string& vm);

 private:
  class Planning;

  Result<std::unique_ptr<GuestMemory>> memory_of(OpenVm& vm);
  [[nodiscard]] std::vector<std::filesystem::path> journals() const;
  Result<void> begin_driving(OpenVm& vm);
  Result<void> recover_before_driving(OpenVm& vm);
  Result<void> count_where_possible(OpenVm& vm, GuestProfile& profile, Observer& observer);
  Result<control::Rehearsal> rehearse(OpenVm& vm, const std::string& name, Observer& observer);

  Clock& clock_;
  std::unique_ptr<Opener> opener_;
  Places places_;
  std::stop_token stop_;
  std::stop_token leave_;
  std::unique_ptr<SameContents> contents_;  ///< files that were compared
};

}  // namespace godwit::engine
