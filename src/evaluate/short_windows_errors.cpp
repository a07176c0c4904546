#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "godwit/evaluate/evaluation.h"
#include "godwit/model/dirty_curve.h"

namespace godwit::evaluate {
namespace {

/// Guests whose next window shows less are as good as idle: their curve is sampling error.
constexpr Bytes kLeastShown{2'000'000};
constexpr std::size_t kMostHidden = 2;

/// The mean dirty rate within a window, in pages a second.
double rate_of(Bytes written, Seconds window, PageSize page) {
  return written.as_double() / page.bytes().as_double() / window.count();
}

/// The last of the hidden windows, told by those after it; `straight`: by a straight line through
/// nothing and the first of them.
void judge(const GuestProfile& profile, DirtySource source, const std::vector<DirtyPoint>& points,
           std::size_t hidden, Evaluation& evaluation) {
  if (points.size() < hidden + 2 || points[hidden].unique < kLeastShown) return;
  const std::vector<DirtyPoint> left(points.begin() + static_cast<std::ptrdiff_t>(hidden),
                                     points.end());
  const auto curve = model::DirtyCurve::from_points(left, profile.ram);
  const Seconds window = points[hidden - 1].window;
  if (!curve || points[hidden - 1].unique <= Bytes()) return;
  const auto rate = [&](Bytes written) { return rate_of(written, window, profile.page_size); };
  const Interval<Bytes> told = curve->within(window);
  const double straight = rate_of(left.front().unique, left.front().window, profile.page_size);
  const double actual = rate(points[hidden - 1].unique);
  const std::string what = fmt::format("{}: {} hidden", to_string(source), hidden);
  evaluation.predictions.push_back({"told",
                                    what,
                                    Metric::kDirtyRate,
                                    {{rate(told.p50), rate(told.p05), rate(told.p95)}, true},
                                    actual,
                                    {}});
  evaluation.predictions.push_back(
      {"straight", what, Metric::kDirtyRate, {{straight, straight, straight}, false}, actual, {}});
}

void judge(const GuestProfile& profile, DirtySource source, const std::vector<DirtyPoint>& points,
           Evaluation& evaluation) {
  for (std::size_t hidden = 1; hidden <= kMostHidden; ++hidden) {
    judge(profile, source, points, hidden, evaluation);
  }
}

}  // namespace

Evaluation evaluate_short_windows(std::span<const dataset::CampaignRow> rows) {
  Evaluation evaluation;
  evaluation.split = "each curve's first windows are hidden, and told by those after them";
  std::set<std::string> loads;
  std::vector<const GuestProfile*> seen;
  for (const dataset::CampaignRow& row : rows) {
    if (!row.profile) continue;
    const bool again = std::any_of(seen.rbegin(), seen.rend(), [&](const GuestProfile* other) {
      return other->dirty_curve == row.profile->dirty_curve;
    });
    if (again) continue;
    seen.push_back(&*row.profile);
    judge(*row.profile, row.profile->source, row.profile->dirty_curve, evaluation);
    for (const SourcedCurve& other : row.profile->other_curves) {
      judge(*row.profile, other.source, other.points, evaluation);
    }
    loads.insert(row.load);
  }
  evaluation.migrations = seen.size();
  evaluation.loads = loads.size();
  return evaluation;
}

}  // namespace godwit::evaluate
