#include "godwit/twin/outlook.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "godwit/twin/migration.h"
#include "sending.h"

namespace godwit::twin {
namespace {

/// The rate is the one that was seen, whatever the link was said to carry.
Sending sending_under_way(Technique technique, const Guest& guest,
                          const MigrationParameters& limits, const Link& link,
                          const HostPairConstants& pair, const UnderWay& now) {
  MigrationParameters all = assumed(technique, limits, link);
  all.max_bandwidth = now.rate;
  return sending_of(technique, guest, all, link, pair);
}

Bytes to_bytes(double bytes) {
  return Bytes(static_cast<std::int64_t>(std::llround(std::max(bytes, 0.0))));
}

/// `stopped`: seconds in which the guest stands still.
Outlook summed_up(const Progress& at, bool converges, Seconds stopped) {
  Outlook outlook;
  outlook.converges = converges;
  outlook.time = Seconds(at.seconds);
  outlook.downtime = stopped;
  return outlook;
}

}  // namespace

Result<Forecaster> Forecaster::make(const GuestProfile& profile, const Link& link,
                                    const HostPairConstants& pair) {
  GODWIT_TRY(Guest guest, guest_of(profile));
  GODWIT_TRY(const model::DirtyCurve curve, model::DirtyCurve::from_profile(profile));
  return Forecaster(std::move(guest), link, pair, curve.likely());
}

Bytes Forecaster::dirtied_within(Seconds window, double cpu_quota) const {
  return to_bytes(growth_.bytes_at(window.count() * speed_at(guest_, cpu_quota)));
}

Outlook Forecaster::passes(Technique technique, const MigrationParameters& limits,
                           const UnderWay& now, Seconds horizon) const {
  const model::Growth growth = growth_.higher(now.activity);
  const Sending sending = sending_under_way(technique, guest_, limits, link_, pair_, now);
  Course course;
  course.growth = &growth;
  Migration migration =
      Migration::under_way(guest_, sending, course, now.passes, now.left.as_double());
  migration.set_quota(now.cpu_quota);
  const Progress& at = migration.progress();
  while (at.stage == Stage::kPasses && at.seconds < horizon.count()) migration.run();
  if (at.stage == Stage::kPasses) {
    Outlook endless = summed_up(at, false, Seconds(0));
    endless.time = horizon;
    return endless;
  }
  const double before = at.seconds;
  migration.run();
  const Seconds sent_still(sending.queued + at.seconds - before);
  Outlook outlook = summed_up(at, at.seconds <= horizon.count(),
                              sent_still + pair_.device_state.p50 + pair_.resume.p50);
  outlook.downtime_high = sent_still + pair_.device_state.p95 + pair_.resume.p95;
  return outlook;
}

Outlook Forecaster::postcopy(Technique technique, const MigrationParameters& limits,
                             const UnderWay& now) const {
  const Sending sending = sending_under_way(technique, guest_, limits, link_, pair_, now);
  Course course;
  course.growth = &growth_;
  Migration migration =
      Migration::under_way(guest_, sending, course, now.passes, now.left.as_double());
  migration.start_postcopy();
  migration.run();
  Outlook outlook =
      summed_up(migration.progress(), true, pair_.postcopy_stop.p50 + pair_.postcopy_resume.p50);
  outlook.downtime_high = pair_.postcopy_stop.p95 + pair_.postcopy_resume.p95;
  return outlook;
}

}  // namespace godwit::twin
