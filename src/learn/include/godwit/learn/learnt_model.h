#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/dataset/campaign.h"
#include "godwit/domain/codec.h"
#include "godwit/domain/prediction.h"
#include "godwit/learn/estimator.h"
#include "godwit/learn/metric.h"
#include "godwit/twin/predictor.h"

/// What outcomes teach beyond the twin: how far off it is, for what kind of guest. Pure.

namespace godwit::learn {

/// The twin that is corrected, the same in training and in prediction: with what is known of the
/// pair of hosts and without draws, whatever else a caller asks of the twin. Errors as for
/// twin::Predictor::make.
Result<twin::Predictor> reference_twin(const GuestProfile& profile, const Link& link,
                                       const twin::HostPairConstants& pair);

/// A completed live migration with what was known before it.
struct Lesson {
  GuestProfile profile;
  Link link;
  /// The reference's for its technique and parameters, by the stated constants of a pair of hosts;
  /// it converges.
  TechniquePrediction twin;
  std::string load;  ///< what is never divided between training and judging
  std::optional<Seconds> total_time;
  std::optional<Bytes> transferred;
  Downtime downtime;
  std::optional<Ratio> slowdown;
  std::optional<Seconds> host_cpu;
  std::string run{};  ///< of which run of measurements; of kept outcomes none
};
/// Of the rows that the twin expects to complete without a guess (twin::guesses), and that did.
[[nodiscard]] std::vector<Lesson> lessons_of(std::span<const dataset::CampaignRow> rows);
/// The same of kept outcomes; the load is not known, the guest stands for it.
[[nodiscard]] std::vector<Lesson> lessons_of(std::span<const OutcomeRecord> records);

/// The value as it came, in units of value_of.
[[nodiscard]] std::optional<double> actual_of(const Lesson& lesson, Metric metric);

/// Learnt of one metric of one technique: a factor on what the twin says, as a logarithm, by
/// boosted trees, and how far that is off, in widths of the twin's own interval.
struct Correction {
  Technique technique = Technique::kPrecopy;
  Metric metric = Metric::kTotalTime;
  std::shared_ptr<const Estimator> estimator;
  /// What 90 % of |logarithm of actual over predicted| over the twin's width are to stay below on
  /// loads that were not learnt from (hierarchical conformal prediction: Lee, Barber, Willett
  /// 2023).
  double spread = 1;
  std::size_t lessons = 0;
  /// Mean of |logarithm of actual over predicted| there: of the correction, and of the twin.
  double error = 0;
  double twin_error = 0;

  [[nodiscard]] bool better() const { return error < twin_error; }
};

/// Where lessons lie in the space of features, to say how unlike them a guest is.
struct Territory {
  std::vector<double> center;
  std::vector<double> deviation;
  std::vector<std::vector<double>> rows;  ///< scaled; NaN where unknown
  double usual = 1;  ///< the distance to the nearest lesson of another load that 99 % stay below
};

class LearntModel {
 public:
  /// Trains on lessons of two loads or more; each technique and metric of which there are enough.
  /// kBadInput: too few, or a value that cannot be.
  static Result<LearntModel> train(std::span<const Lesson> given, std::string source);

  /// What is `said` of a migration, corrected in the metrics in which corrections were measured
  /// better than the twin, with intervals that held. Far from everything learnt (`why` says so
  /// then): what was said, with wider intervals. `model` names who answers. `reference`:
  /// reference_twin's prediction for the same technique and parameters, of pair().
  [[nodiscard]] TechniquePrediction correct(const GuestProfile& profile, const Link& link,
                                            const TechniquePrediction& reference,
                                            TechniquePrediction said) const;
  /// The distance to the nearest lesson, in usual ones; above 1 is unlike all of them.
  [[nodiscard]] double distance(const GuestProfile& profile, const Link& link,
                                const TechniquePrediction& reference) const;

  /// What the lessons' pair of hosts is like: to be known of any pair until its own outcomes say
  /// otherwise. Corrections are of the twin that knows that much.
  [[nodiscard]] const twin::HostPairConstants& pair() const { return pair_; }
  [[nodiscard]] const std::vector<Correction>& corrections() const { return corrections_; }
  [[nodiscard]] const std::string& source() const { return source_; }
  [[nodiscard]] std::size_t lessons() const { return lessons_; }

  /// One object that says what it is, of which version, of what data, and what was measured.
  [[nodiscard]] Json to_json() const;
  /// kCorrupt: no such object, another version, other features, or a broken part.
  static Result<LearntModel> from_json(const Json& json);

 private:
  [[nodiscard]] const Correction* find(Technique technique, Metric metric) const;
  [[nodiscard]] double distance_of(const std::vector<double>& features) const;

  std::string source_;
  std::size_t lessons_ = 0;
  twin::HostPairConstants pair_;
  std::vector<Correction> corrections_;
  Territory territory_;
};

}  // namespace godwit::learn
