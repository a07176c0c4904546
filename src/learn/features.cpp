#include "godwit/learn/features.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "godwit/model/dirty_curve.h"

namespace godwit::learn {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr double kMega = 1e6;

/// All that features are made from.
struct Facts {
  const GuestProfile& profile;
  const Link& link;
  const TechniquePrediction& twin;
  std::optional<model::DirtyCurve> curve;
};

double scaled(double value) {
  return std::log1p(std::max(value, 0.0));
}
double written_within(const Facts& f, double seconds) {
  return f.curve ? scaled(f.curve->within(Seconds(seconds)).p50.as_double() / kMega) : kUnknown;
}
double number(Ratio ratio) {
  return ratio.value();
}
double number(Seconds short_time) {
  return scaled(short_time.count() * 1e6);
}
double number(Bytes bytes) {
  return bytes.as_double();
}
double number(double value) {
  return value;
}
template <class T, class Member>
double of(const std::optional<T>& known, Member T::*member) {
  return known ? number((*known).*member) : kUnknown;
}
double rate_of(const std::optional<BytesPerSecond>& rate) {
  return rate ? scaled(rate->value() / kMega) : kUnknown;
}
double count_of(const std::optional<double>& per_second) {
  return per_second ? scaled(*per_second / kMega) : kUnknown;
}

/// Deviation of the short dirty rates over their mean: phases and bursts.
double variation(const GuestProfile& profile) {
  double sum = 0;
  double squares = 0;
  const auto n = static_cast<double>(profile.dirty_series.size());
  for (const DirtyPoint& point : profile.dirty_series) {
    // short windows see more of a page that is written again and again: per square root of time
    const double rate = point.unique.as_double() / std::sqrt(point.window.count());
    sum += rate;
    squares += rate * rate;
  }
  if (n < 2 || sum <= 0) return kUnknown;
  const double mean = sum / n;
  return std::sqrt(std::max(0.0, squares / n - mean * mean)) / mean;
}

double width_of(const std::optional<Interval<Seconds>>& interval) {
  return interval ? std::log((interval->p95.count() + 1e-3) / (interval->p05.count() + 1e-3))
                  : kUnknown;
}
double median_of(const std::optional<Interval<Seconds>>& interval) {
  return interval ? std::log(interval->p50.count() + 1e-3) : kUnknown;
}

struct Feature {
  std::string_view name;
  double (*value)(const Facts&);
};

constexpr std::array kFeatures{
    Feature{"dirty_rate", [](const Facts& f) { return written_within(f, 1); }},
    Feature{"ram", [](const Facts& f) { return scaled(f.profile.ram.as_double() / kMega); }},
    Feature{"working_set", [](const Facts& f) { return written_within(f, 8); }},
    Feature{"written_in_250ms", [](const Facts& f) { return written_within(f, 0.25); }},
    Feature{"written_in_2s", [](const Facts& f) { return written_within(f, 2); }},
    Feature{"content",
            [](const Facts& f) {
              return scaled(f.profile.ram.as_double() * (1 - f.profile.zero_share.value()) / kMega);
            }},
    Feature{"zero_share", [](const Facts& f) { return f.profile.zero_share.value(); }},
    Feature{"duplicate_share",
            [](const Facts& f) {
              return f.profile.duplicate_share ? f.profile.duplicate_share->value() : kUnknown;
            }},
    Feature{"changed_to_zero",
            [](const Facts& f) {
              return f.profile.changed_to_zero_share ? f.profile.changed_to_zero_share->value()
                                                     : kUnknown;
            }},
    Feature{"entropy",
            [](const Facts& f) { return of(f.profile.contents, &PageContents::entropy_bits); }},
    Feature{"zlib", [](const Facts& f) { return of(f.profile.contents, &PageContents::zlib); }},
    Feature{"zstd", [](const Facts& f) { return of(f.profile.contents, &PageContents::zstd); }},
    Feature{"zlib_cost",
            [](const Facts& f) { return of(f.profile.contents, &PageContents::zlib_per_page); }},
    Feature{"zstd_cost",
            [](const Facts& f) { return of(f.profile.contents, &PageContents::zstd_per_page); }},
    Feature{"changed_zlib",
            [](const Facts& f) { return of(f.profile.changed_contents, &PageContents::zlib); }},
    Feature{"modified_words",
            [](const Facts& f) { return of(f.profile.change, &PageChange::modified_words); }},
    Feature{"xbzrle", [](const Facts& f) { return of(f.profile.change, &PageChange::xbzrle); }},
    Feature{"xbzrle_overflow",
            [](const Facts& f) { return of(f.profile.change, &PageChange::xbzrle_overflow); }},
    Feature{"vcpu_use", [](const Facts& f) { return f.profile.vcpu_use.value_or(kUnknown); }},
    Feature{"variation", [](const Facts& f) { return variation(f.profile); }},
    Feature{"disk_read", [](const Facts& f) { return rate_of(f.profile.activity.disk_read); }},
    Feature{"disk_written",
            [](const Facts& f) { return rate_of(f.profile.activity.disk_written); }},
    Feature{"net_sent", [](const Facts& f) { return rate_of(f.profile.activity.net_sent); }},
    Feature{"net_received",
            [](const Facts& f) { return rate_of(f.profile.activity.net_received); }},
    Feature{"instructions",
            [](const Facts& f) { return count_of(f.profile.activity.instructions); }},
    Feature{"cache_misses",
            [](const Facts& f) { return count_of(f.profile.activity.cache_misses); }},
    Feature{"link", [](const Facts& f) { return scaled(f.link.rate.value() / kMega); }},
    Feature{"downtime_limit",
            [](const Facts& f) {
              return f.twin.parameters.downtime_limit.value_or(Seconds(0.3)).count();
            }},
    Feature{
        "precopy_share",
        [](const Facts& f) { return f.twin.parameters.precopy_share.value_or(Ratio(1)).value(); }},
    Feature{"preempt",
            [](const Facts& f) {
              return f.twin.parameters.postcopy_preempt.value_or(false) ? 1.0 : 0.0;
            }},
    Feature{"twin_time", [](const Facts& f) { return median_of(f.twin.total_time); }},
    Feature{"twin_time_width", [](const Facts& f) { return width_of(f.twin.total_time); }},
    Feature{"twin_bytes",
            [](const Facts& f) { return scaled(f.twin.transferred->p50.as_double() / kMega); }},
    Feature{"twin_downtime", [](const Facts& f) { return median_of(f.twin.downtime.events); }},
    Feature{"twin_outage", [](const Facts& f) { return median_of(f.twin.downtime.probe); }},
    Feature{"twin_rounds",
            [](const Facts& f) { return scaled(static_cast<double>(f.twin.rounds.size())); }},
};

constexpr auto kNames = [] {
  std::array<std::string_view, kFeatures.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kFeatures[i].name;
  return names;
}();

}  // namespace

std::span<const std::string_view> feature_names() {
  return kNames;
}

std::vector<double> features_of(const GuestProfile& profile, const Link& link,
                                const TechniquePrediction& twin) {
  Facts facts{profile, link, twin, std::nullopt};
  if (auto curve = model::DirtyCurve::from_profile(profile)) facts.curve.emplace(std::move(*curve));
  std::vector<double> row;
  row.reserve(kFeatures.size());
  for (const Feature& feature : kFeatures) row.push_back(feature.value(facts));
  return row;
}

// The link and the parameters are known of every migration; Jo et al. trained per bandwidth
// instead.
std::vector<std::string> dirty_rate_features() {
  return {"dirty_rate", "link", "downtime_limit", "precopy_share"};
}
std::vector<std::string> dirty_rate_size_features() {
  auto features = dirty_rate_features();
  features.insert(features.end(), {"ram", "content"});
  return features;
}
std::vector<std::string> dirty_rate_size_working_set_features() {
  auto features = dirty_rate_size_features();
  features.emplace_back("working_set");
  return features;
}

}  // namespace godwit::learn
