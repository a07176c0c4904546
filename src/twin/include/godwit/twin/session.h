#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/link.h"
#include "godwit/domain/session.h"
#include "godwit/model/phases.h"
#include "godwit/twin/predictor.h"

namespace godwit::twin {

/// What goes wrong in a simulated migration, and when.
struct Mishap {
  enum class Kind {
    kNone,
    kLinkCut,          ///< both sides notice at once
    kLinkDead,         ///< nobody notices
    kSourceDies,       ///< its process
    kDestinationDies,  ///< its process
    kSourceSilent,     ///< its monitor; the migration goes on
    kOrdersRefused,    ///< all that are given while memory is sent
    kSomebodyPauses,   ///< the guest, at the source
    kSomebodyCancels,
    kGuestShutsDown,
  };
  Kind kind = Kind::kNone;
  Seconds at{};  ///< since the start
  /// A link that was cut or dead carries again so long after that; absent: never.
  std::optional<Seconds> mended_after{};
};

struct SessionOptions {
  HostPairConstants pair{};
  Chance chance{};  ///< what chance decides in this run
  Mishap mishap{};
};

/// What chance decides in one run, as a prediction draws it. The same for a seed. kBadInput: a
/// broken profile.
Result<SessionOptions> drawn_options(const HostPairConstants& pair, const GuestProfile& profile,
                                     std::uint64_t seed);

/// The twin as a session: a migration of a guest that only exists as its profile, between hosts
/// that do not exist, on a clock that it moves itself by waiting. A guest whose profile shows
/// phases lives through some (`Chance::life`). Deterministic. What control, a law or an evacuation
/// does on it, it does on QEMU. Disks are not simulated: kUnsupported.
class Session final : public MigrationSession {
 public:
  /// kBadInput: a broken profile, or a link without a rate. `clock` outlives the session; waiting
  /// on it should take no time (ManualClock).
  static Result<std::unique_ptr<Session>> make(Clock& clock, const GuestProfile& profile,
                                               const Link& link,
                                               const SessionOptions& options = {});
  ~Session() override;

  Result<void> prepare(const MigrationPlan& plan) override;
  Result<void> start() override;
  std::vector<PassSync> watch(TimePoint deadline) override;
  [[nodiscard]] const SessionView& view() const override { return seen_; }
  [[nodiscard]] Liveness liveness() override;
  [[nodiscard]] bool exhausted() override {
    return phase_ == MigrationPhase::kPostcopyPaused && !destination_lives_;
  }
  std::vector<std::string> take_remarks() override;
  Result<void> amend(const Order& order) override;
  Result<void> switch_to_postcopy() override;
  bool cancel(GiveUp why, const std::string& reason) override;
  void give_link_up() override;
  void mend_link() override;
  void settle(MigrationOutcome& outcome, const std::stop_token& leave) override;
  [[nodiscard]] std::optional<RunState> run_state(Side side) override;
  void release(MigrationOutcome& outcome) override;

  /// What a client waited for around the switchover; absent where the guest did not move, or stood
  /// still before.
  [[nodiscard]] std::optional<Seconds> client_outage() const;
  /// Guests that execute now: never two.
  [[nodiscard]] int running_guests() const;
  [[nodiscard]] bool source_lives() const { return source_lives_; }
  [[nodiscard]] bool destination_lives() const { return destination_lives_; }

 private:
  enum class Now { kIdle, kSetup, kPasses, kSwitchover, kLoading, kPostcopy, kOver };

  Session(Clock& clock, Guest guest, const Link& link, const SessionOptions& options,
          model::Growth growth, std::optional<model::Phases> phases);
  void advance(TimePoint deadline);
  void simulate(TimePoint deadline);
  void wait_for(Seconds at_most, TimePoint deadline, Now then);
  void end_of_step();
  void end_of_wait();
  void stop_guest();
  void resume_there();
  void finish(MigrationPhase phase);
  void befall();
  void destination_died();
  void break_stream(const std::string& why);
  [[nodiscard]] bool silent() const;
  [[nodiscard]] bool link_works() const;
  void ask();
  [[nodiscard]] MigrationStatus status() const;
  void note_sync();
  [[nodiscard]] double vcpu_use() const;
  [[nodiscard]] OutcomeStatus status_of_end() const;
  [[nodiscard]] std::string reason_of_end() const;
  [[nodiscard]] VmRunsOn place() const;
  [[nodiscard]] Seconds since_start() const { return clock_.now() - seen_.started; }

  Clock& clock_;
  Guest guest_;
  Link link_;
  SessionOptions options_;
  model::Growth growth_;
  std::optional<model::Phases> phases_;
  std::optional<model::Life> life_;  ///< of a guest in phases
  MigrationPlan plan_;
  std::optional<Migration> migration_;
  SessionView seen_;
  std::vector<PassSync> syncs_;
  std::vector<std::string> remarks_;

  Now now_ = Now::kIdle;
  MigrationPhase phase_ = MigrationPhase::kNone;
  Seconds waited_{};
  Seconds vcpu_time_{};    ///< that each vCPU has used
  double ever_dirty_ = 0;  ///< memory that was ever to be sent
  GiveUp why_ = GiveUp::kNone;
  std::string reason_;
  std::string error_;  ///< of the stream
  bool befallen_ = false;
  bool mended_ = false;
  bool source_lives_ = true;
  bool destination_lives_ = true;
  bool runs_here_ = true;
  bool runs_there_ = false;
  TimePoint heard_{};
  std::optional<Seconds> sent_;  ///< when the last byte of a pre-copy was
  Seconds total_{};              ///< as QEMU counts: until the last byte
  std::optional<std::int64_t> stopped_us_;
  std::optional<std::int64_t> resumed_us_;
  std::optional<TimePoint> split_at_;  ///< when post-copy began
};

}  // namespace godwit::twin
