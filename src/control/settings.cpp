#include "godwit/control/settings.h"

#include "godwit/domain/downtime_limit.h"

namespace godwit::control {
namespace {

/// QEMU's word for it.
std::string compression_in_channels(Codec codec) {
  switch (codec) {
    case Codec::kZlib:
      return "zlib";
    case Codec::kZstd:
      return "zstd";
    case Codec::kNone:
    case Codec::kXbzrle:  // of the one stream beside the channels
    case Codec::kCompress:
      break;
  }
  return "none";
}

}  // namespace

Settings settings_for(const MigrationPlan& plan) {
  Settings settings;
  settings.on = capabilities_needed(plan.technique);
  if (uses_postcopy(plan.technique) && plan.parameters.postcopy_preempt.value_or(false)) {
    settings.on.insert(Capability::kPostcopyPreempt);
  }
  if (plan.may_end_by_postcopy) settings.on.insert(Capability::kPostcopyRam);
  if (plan.technique.storage) settings.on.insert(Capability::kPauseBeforeSwitchover);
  for (const Capability other :
       {Capability::kAutoConverge, Capability::kXbzrle, Capability::kCompress, Capability::kMultifd,
        Capability::kPostcopyRam, Capability::kPostcopyPreempt, Capability::kPauseBeforeSwitchover,
        Capability::kSwitchoverAck}) {
    if (!settings.on.contains(other)) settings.off.insert(other);
  }
  settings.on.insert(Capability::kEvents);
  // Else QEMU calls a migration completed once its bytes are in a socket, whatever becomes of them.
  settings.on.insert(Capability::kReturnPath);

  settings.parameters = plan.parameters;
  if (plan.technique.streams == Streams::kMultifd) {
    settings.parameters.multifd_compression = compression_in_channels(plan.technique.codec);
  }
  // Done this way, rather than by pausing first, QEMU itself lets the guest run on when something
  // breaks, even if Godwit is killed meanwhile.
  if (plan.technique.ending == Ending::kFirstEstimate) {
    settings.parameters.downtime_limit = kLongestDowntimeLimit;
  }
  if (uses_postcopy(plan.technique) && !settings.parameters.max_postcopy_bandwidth) {
    // max-bandwidth ends with the pre-copy phase; the promised link rate does not.
    settings.parameters.max_postcopy_bandwidth = settings.parameters.max_bandwidth;
  }
  return settings;
}

Technique technique_of(const CapabilitySet& on, const MigrationParameters& parameters) {
  Technique technique;
  if (on.contains(Capability::kXbzrle)) technique.codec = Codec::kXbzrle;
  if (on.contains(Capability::kCompress)) technique.codec = Codec::kCompress;
  if (on.contains(Capability::kAutoConverge)) technique.throttle = Throttle::kAutoConverge;
  if (!on.contains(Capability::kMultifd)) return technique;
  technique.streams = Streams::kMultifd;
  for (const Codec in_channels : {Codec::kZlib, Codec::kZstd}) {
    if (parameters.multifd_compression == compression_in_channels(in_channels)) {
      technique.codec = in_channels;
    }
  }
  return technique;
}

}  // namespace godwit::control
