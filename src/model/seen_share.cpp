#include "godwit/model/seen_share.h"

#include <algorithm>
#include <cmath>

#include "hashed_curve.h"

namespace godwit::model {
namespace {

/// vCPU seconds a second. Guests of the data set that idle use 0.02 to 0.09, those that answer
/// requests up to 0.23; what less hides is little (tools/count_hidden_writing).
constexpr double kBusyVcpu = 0.25;
/// For each second of vCPU time. Loads of the suite `habits` without silent stores wrote 35 MB and
/// more, the one with nothing else 2 (docs/research/phases.md).
constexpr Bytes kLittleWritten = 20_MB;
constexpr Seconds kUsageWindow{1};

}  // namespace

const std::vector<DirtyPoint>* hashed_curve(const GuestProfile& profile) {
  if (profile.source == DirtySource::kContentHash) return &profile.dirty_curve;
  for (const SourcedCurve& other : profile.other_curves) {
    if (other.source == DirtySource::kContentHash) return &other.points;
  }
  return nullptr;
}

double unique_at(const std::vector<DirtyPoint>& points, Seconds window) {
  DirtyPoint before;
  for (const DirtyPoint& point : points) {
    if (point.window >= window) {
      const double share = (window - before.window) / (point.window - before.window);
      return std::lerp(before.unique.as_double(), point.unique.as_double(), share);
    }
    before = point;
  }
  return before.unique.as_double();
}

std::vector<SeenShare> seen_shares(const GuestProfile& profile) {
  std::vector<SeenShare> shares;
  if (profile.dirty_curve.empty()) return shares;
  for (const SourcedCurve& other : profile.other_curves) {
    if (other.points.empty()) continue;
    const Seconds window = std::min(profile.dirty_curve.back().window, other.points.back().window);
    const double all = unique_at(profile.dirty_curve, window);
    if (!(window > Seconds(0)) || !(all > 0)) continue;
    shares.push_back({other.source, window, Ratio(unique_at(other.points, window) / all)});
  }
  return shares;
}

std::optional<Bytes> suspiciously_little_written(const GuestProfile& profile) {
  const std::vector<DirtyPoint>* const curve = hashed_curve(profile);
  const double used = profile.vcpu_use.value_or(0);
  if (curve == nullptr || curve->empty() || used < kBusyVcpu) return std::nullopt;
  const Bytes written(
      std::llround(unique_at(*curve, kUsageWindow) / (used * kUsageWindow.count())));
  return written < kLittleWritten ? std::optional(written) : std::nullopt;
}

}  // namespace godwit::model
