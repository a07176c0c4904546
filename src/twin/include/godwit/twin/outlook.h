#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/link.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/technique.h"
#include "godwit/model/dirty_curve.h"
#include "godwit/model/phases.h"
#include "godwit/twin/guest.h"
#include "godwit/twin/host_pair.h"
#include "godwit/twin/migration.h"
#include "godwit/twin/predictor.h"

namespace godwit::twin {

/// A migration that is under way, right after a round.
struct UnderWay {
  int passes = 1;       ///< that have ended
  Bytes left;           ///< dirty then
  BytesPerSecond rate;  ///< at which it sends
  double activity = 1;  ///< how many times as much the guest dirties as its profile says
  /// How far that is known: the standard deviation of its logarithm.
  double activity_error = 0;
  double cpu_quota = 1;  ///< share of its time that each vCPU keeps
  double throttle = 0;   ///< share of it that auto-converge takes by now
};

/// How a guest may write.
struct LikelyGrowth {
  model::Growth growth;
  double weight = 1;  ///< how likely it is, against others
  double error = 0;   ///< standard deviation of the logarithm of how many times as much it writes
};

/// What is still to come of it.
struct Outlook {
  bool converges = false;   ///< within the horizon
  Seconds time{};           ///< until it is over; the horizon where it does not converge
  Seconds downtime{};       ///< as the hypervisor's events show it
  Seconds downtime_high{};  ///< not exceeded in 95 %, as far as hosts and device state decide it
  Seconds outage{};         ///< as a client sees it
  Seconds outage_high{};    ///< of post-copy: not exceeded in 95 %
  Bytes sent;               ///< until it is over
};

/// Tells what becomes of a migration that is under way, by running the twin on from there. A call
/// takes microseconds; by lives, some hundred. Not thread-safe.
class Forecaster {
 public:
  /// kBadInput: a broken profile.
  static Result<Forecaster> make(const GuestProfile& profile, const Link& link,
                                 const HostPairConstants& pair);

  /// It goes on by passes, with these limits.
  [[nodiscard]] Outlook passes(Technique technique, const MigrationParameters& limits,
                               const UnderWay& now, Seconds horizon) const;
  /// The same of a guest in phases, by a few of its lives, in which now is any moment: it converges
  /// where it does in most of them, and the rest is that of the middle one. Nothing for a
  /// guest that is steady.
  [[nodiscard]] std::optional<Outlook> by_lives(Technique technique,
                                                const MigrationParameters& limits,
                                                const UnderWay& now, Seconds horizon) const;
  /// Equally likely ways on by passes: with other hosts' and links' moods, and with the guest as
  /// active as is likely. The same question gets the same ways.
  [[nodiscard]] std::vector<Outlook> ways(Technique technique, const MigrationParameters& limits,
                                          const UnderWay& now, Seconds horizon) const;
  /// The same of a guest that writes in one of several ways, whatever its profile says. Not empty;
  /// who writes least within a short while comes first.
  [[nodiscard]] std::vector<Outlook> ways(Technique technique, const MigrationParameters& limits,
                                          const UnderWay& now, Seconds horizon,
                                          std::span<const LikelyGrowth> guests) const;
  /// It switches to post-copy now.
  [[nodiscard]] Outlook postcopy(Technique technique, const MigrationParameters& limits,
                                 const UnderWay& now) const;
  /// Of a downtime, what is not spent on sending memory.
  [[nodiscard]] Seconds stop_besides_memory() const {
    return pair_.device_state.p50 + pair_.resume.p50;
  }
  /// What the guest dirties in a window, by its profile, with that share of its vCPUs' time.
  [[nodiscard]] Bytes dirtied_within(Seconds window, double cpu_quota) const;

  /// Corrects the profile: the guest uses that share of its vCPUs' time where it is let.
  void see_cpu_use(double share) { guest_.cpu_use = share; }

 private:
  Forecaster(Guest guest, const Link& link, const HostPairConstants& pair,
             const model::DirtyCurve& curve, std::optional<model::Phases> phases);
  [[nodiscard]] Outlook run(const Sending& sending, const model::Growth& growth,
                            const Chance& chance, const UnderWay& now, Seconds horizon,
                            model::Life* life = nullptr) const;

  Guest guest_;
  Link link_;
  HostPairConstants pair_;
  model::Growth growth_;
  std::vector<Chance> chances_;                  ///< the likely one first
  std::shared_ptr<const model::Phases> phases_;  ///< null for a steady guest
  mutable std::vector<model::Life> lives_;       ///< each known as far as it was asked for
  double busiest_ = 1;  ///< how many times the mean one of them writes, at most
};

}  // namespace godwit::twin
