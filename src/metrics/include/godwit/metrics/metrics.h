#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/domain/outcome.h"
#include "godwit/watch/watcher.h"

namespace godwit::metrics {

/// A metric that is exported, once there is something to be said of it.
struct Described {
  std::string_view name;
  std::string_view type;    ///< "counter", "gauge", "histogram", "untyped"
  std::string_view labels;  ///< "outcome, technique"; empty: none
  std::string_view help;
};
[[nodiscard]] std::span<const Described> all_metrics();

/// What Prometheus is told: of what is watched now, and of all that has ended since this began, or
/// since the store of outcomes did. Thread-safe.
class Metrics final : public watch::Onlooker {
 public:
  /// `driven_here`: does a Godwit of this machine drive it? Its end is then counted from the store,
  /// which knows more of it, and not from watching. Empty: none does.
  explicit Metrics(std::function<bool(const watch::Followed&)> driven_here = {});
  ~Metrics() override;

  void reached(const std::string& target) override;
  void lost(const std::string& target, const Error& why) override;
  void began(const watch::Followed& one) override;
  void on_progress(const watch::Followed& one, const control::Progress& now) override;
  void on_event(const watch::Followed&, const control::RunEvent&) override {}
  void warning(const watch::Followed& one, const std::string& text) override;
  void ended(const watch::Followed& one, const MigrationOutcome& outcome) override;

  /// What a store of outcomes kept after the record of that id: the oldest so many, oldest first.
  using KeptAfter =
      std::function<Result<std::vector<OutcomeRecord>>(std::int64_t id, std::int64_t limit)>;
  /// Counts what Godwit itself did and kept, as far as it was not counted yet. One thread.
  Result<void> count_new(const KeptAfter& kept_after);

  /// In Prometheus' text format.
  [[nodiscard]] std::string text() const;

 private:
  friend class Server;
  class State;
  std::shared_ptr<State> state_;
  std::function<bool(const watch::Followed&)> driven_here_;
  std::int64_t last_id_ = 0;  ///< of the store
};

}  // namespace godwit::metrics
