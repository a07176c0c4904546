#include "godwit/advise/rehearse.h"

#include <fmt/format.h>

#include <algorithm>

#include "godwit/base/quantity.h"
#include "godwit/model/seen_share.h"

namespace godwit::advise {
namespace {

bool is_counted(const GuestProfile& profile) {
  const auto counts = [](DirtySource source) {
    return source == DirtySource::kDirtyBitmap || source == DirtySource::kDirtyRing;
  };
  return counts(profile.source) ||
         std::any_of(profile.other_curves.begin(), profile.other_curves.end(),
                     [&](const SourcedCurve& other) { return counts(other.source); });
}

}  // namespace

RehearsalAdvice advise_rehearsal(const GuestProfile& profile, Rehearse when, const Intent& intent) {
  if (when == Rehearse::kAlways) return {true, "it was asked for"};
  if (is_counted(profile)) return {false, "QEMU itself counted what it dirties"};
  const auto little = model::suspiciously_little_written(profile);
  if (!little) return {false, "content hashes saw it write as guests do"};
  const std::string suspicion = fmt::format(
      "content hashes saw only {} written for each second of vCPU time: they miss most "
      "of its writing, or it computes",
      human(*little));
  if (when == Rehearse::kNever) return {false, "it was ruled out, though " + suspicion};
  if (intent.max_slowdown) return {false, "its slowdown is limited, though " + suspicion};
  return {true, suspicion};
}

}  // namespace godwit::advise
