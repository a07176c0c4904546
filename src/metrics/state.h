#pragma once

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "godwit/control/migration_run.h"
#include "godwit/metrics/metrics.h"

/// Private to metrics.

namespace godwit::metrics {

/// What has been counted, and what is under way.
class Metrics::State final : public prometheus::Collectable {
 public:
  State();

  void set_reached(const std::string& target, bool reached);
  /// `own`: its end is counted from the store.
  void begin(const watch::Followed& one, bool own);
  void progress(const watch::Followed& one, const control::Progress& now);
  /// Is it counted from the store?
  [[nodiscard]] bool end(const watch::Followed& one);
  void count(const MigrationOutcome& outcome);
  /// Of what was predicted beforehand.
  void judge(const Prediction& predicted, const MigrationOutcome& outcome);

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  struct Live {
    std::string target;
    bool own = false;
    std::optional<control::Progress> now;
  };
  void add_live(std::vector<prometheus::MetricFamily>& all) const;

  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& migrations_;
  prometheus::Histogram& durations_;
  prometheus::Family<prometheus::Histogram>& downtimes_;
  prometheus::Histogram& transferred_;
  prometheus::Family<prometheus::Histogram>& errors_;
  prometheus::Family<prometheus::Counter>& covered_;

  mutable std::mutex mutex_;
  std::map<std::string, bool> reached_;  ///< by target
  std::map<std::string, Live> live_;     ///< by VM
};

}  // namespace godwit::metrics
