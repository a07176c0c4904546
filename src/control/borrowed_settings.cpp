#include "borrowed_settings.h"

#include "godwit/base/log.h"

namespace godwit::control {
namespace {

/// Of `before`, what `changed` touched.
MigrationParameters touched(const MigrationParameters& before, const MigrationParameters& changed) {
  MigrationParameters p;
  const auto keep = [&](auto member) {
    if (changed.*member) p.*member = before.*member;
  };
  keep(&MigrationParameters::max_bandwidth);
  keep(&MigrationParameters::max_postcopy_bandwidth);
  keep(&MigrationParameters::avail_switchover_bandwidth);
  keep(&MigrationParameters::downtime_limit);
  keep(&MigrationParameters::xbzrle_cache);
  keep(&MigrationParameters::multifd_channels);
  keep(&MigrationParameters::multifd_compression);
  keep(&MigrationParameters::throttle_initial_percent);
  keep(&MigrationParameters::throttle_increment_percent);
  keep(&MigrationParameters::max_throttle_percent);
  return p;
}

}  // namespace

Result<void> BorrowedSettings::apply(const Settings& settings) {
  GODWIT_TRY(const CapabilitySet on, side_.capabilities());
  GODWIT_TRY(const MigrationParameters parameters, side_.parameters());
  CapabilitySet switch_on;
  CapabilitySet switch_off;
  for (const Capability wanted : settings.on) {
    if (!on.contains(wanted)) switch_on.insert(wanted);
  }
  for (const Capability unwanted : settings.off) {
    if (on.contains(unwanted)) switch_off.insert(unwanted);
  }
  // Noted before the change: a change that fails half-way is given back too.
  switched_on_ = switch_on;
  switched_off_ = switch_off;
  before_ = touched(parameters, settings.parameters);
  GODWIT_CHECK_OK(side_.set_capabilities(switch_on, switch_off));
  return side_.set_parameters(settings.parameters);
}

void BorrowedSettings::give_back() {
  if (!before_) return;
  const auto parameters = side_.set_parameters(*before_);
  const auto capabilities = side_.set_capabilities(switched_off_, switched_on_);
  before_.reset();
  for (const auto* result : {&parameters, &capabilities}) {
    if (!*result && result->error().code != ErrorCode::kPeerGone) {
      log::warning("migration settings could not be given back: {}", result->error().message);
    }
  }
}

}  // namespace godwit::control
