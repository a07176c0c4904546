#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/json.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/link.h"
#include "godwit/domain/prediction.h"
#include "godwit/learn/applicability_domain.h"
#include "godwit/learn/correction.h"
#include "godwit/twin/host_pair.h"

namespace godwit::learn {

/// What outcomes teach beyond the twin: how far off it is, for what kind of guest. train/model.h
/// makes it; nothing of that is needed to predict. Immutable. Pure.
class LearntModel {
 public:
  struct Parts {
    std::string source;        ///< of what data, for people
    std::size_t examples = 0;  ///< that it was trained on
    twin::HostPairConstants pair;
    std::vector<Correction> corrections;
    ApplicabilityDomain domain;
  };

  /// Knows nothing: corrects nothing.
  LearntModel() = default;
  explicit LearntModel(Parts parts) : parts_(std::move(parts)) {}

  /// What is `said` of a migration, corrected in the metrics in which corrections were measured
  /// better than the twin, with intervals that held. Outside of the applicability domain (`why`
  /// says so then): what was said, with wider intervals. `model` names who answers. `reference`:
  /// reference_twin's prediction for the same technique and parameters, of pair().
  [[nodiscard]] TechniquePrediction correct(const GuestProfile& profile, const Link& link,
                                            const TechniquePrediction& reference,
                                            TechniquePrediction said) const;
  /// From the applicability domain, as distance_from.
  [[nodiscard]] double distance(const GuestProfile& profile, const Link& link,
                                const TechniquePrediction& reference) const;

  /// What the examples' pair of hosts is like: to be known of any pair until its own outcomes say
  /// otherwise. Corrections are of the twin that knows that much.
  [[nodiscard]] const twin::HostPairConstants& pair() const { return parts_.pair; }
  [[nodiscard]] const std::vector<Correction>& corrections() const { return parts_.corrections; }
  [[nodiscard]] const std::string& source() const { return parts_.source; }
  [[nodiscard]] std::size_t examples() const { return parts_.examples; }

  /// One object that says what it is, of which version, of what data, and what was measured.
  [[nodiscard]] Json to_json() const;
  /// kCorrupt: no such object, another version, other features, or a broken part.
  static Result<LearntModel> from_json(const Json& json);

 private:
  [[nodiscard]] const Correction* find(Technique technique, Metric metric) const;

  Parts parts_;
};

}  // namespace godwit::learn
