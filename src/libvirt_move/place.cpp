#include "place.h"

namespace godwit::libvirt_move {
namespace {

constexpr const char* kAskBoth =
    "ask both hosts (virsh domstate DOMAIN); let it run on one of them only when it "
    "certainly does not on the other";

Place broken(Seen source, Seen destination) {
  const bool whole_is_there = source != Seen::kGone && destination != Seen::kGone;
  if (!whole_is_there) {
    return {VmRunsOn::kUnknown, true,
            "a part of the guest is lost: end what is left of it (virsh destroy), and start it "
            "anew"};
  }
  return {VmRunsOn::kBothPaused, true,
          "once the link is back: virsh migrate once more, with its options postcopy and "
          "postcopy-resume (not with "
          "libvirt 11.2 and 11.3 at the destination: their daemon dies of it)"};
}

Place source_runs(Seen destination, bool stopped) {
  switch (destination) {
    case Seen::kRuns:
      return {VmRunsOn::kUnknown, true,
              "BOTH hosts say that they run it: pause both at once (virsh suspend), then destroy "
              "the one with the older state"};
    case Seen::kPaused:
      return {VmRunsOn::kUnknown, true, kAskBoth};
    case Seen::kMoving:
      return {VmRunsOn::kSource, false,
              "end what is left of it at the destination (virsh destroy)"};
    case Seen::kUnknown:
      if (stopped) return {VmRunsOn::kUnknown, true, kAskBoth};
      return {VmRunsOn::kSource, true, ""};
    default:
      return {VmRunsOn::kSource, true, ""};
  }
}

Place source_is_gone(Seen destination) {
  switch (destination) {
    case Seen::kRuns:
    case Seen::kPaused:
      return {VmRunsOn::kDestination, true, ""};
    case Seen::kMoving:
      return {VmRunsOn::kUnknown, false, kAskBoth};
    case Seen::kGone:
      return {VmRunsOn::kUnknown, true,
              "it runs on neither host: start it where its disks are (virsh start)"};
    default:
      return {VmRunsOn::kUnknown, true, kAskBoth};
  }
}

}  // namespace

Place place_of(const SideLook& source, const SideLook& destination, bool stopped, bool well) {
  const Seen there = destination.seen;
  if (source.seen == Seen::kSplit || there == Seen::kSplit) return broken(source.seen, there);
  if (source.seen == Seen::kGone) return source_is_gone(there);
  if (source.seen == Seen::kRuns) return source_runs(there, stopped);
  if (source.seen == Seen::kPaused) {
    if (there == Seen::kRuns || there == Seen::kPaused) {
      return {VmRunsOn::kUnknown, true, kAskBoth};
    }
    return source_runs(there, stopped);
  }
  // Moving, or not to be asked.
  if (well && (there == Seen::kRuns || there == Seen::kPaused)) {
    return {VmRunsOn::kDestination, true, ""};
  }
  if (source.seen == Seen::kUnknown) return {VmRunsOn::kUnknown, true, kAskBoth};
  if (there == Seen::kGone) {
    return {VmRunsOn::kSource, false, "it stands still at the source: let it go on (virsh resume)"};
  }
  if (there == Seen::kMoving) return {VmRunsOn::kBothPaused, false, kAskBoth};
  return {VmRunsOn::kUnknown, false, kAskBoth};
}

}  // namespace godwit::libvirt_move
