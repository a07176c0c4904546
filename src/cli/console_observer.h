#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "godwit/engine/observer.h"
#include "godwit/terminal/context.h"
#include "godwit/terminal/progress_bar.h"

namespace godwit::cli {

/// Says each step to a person: a line for what begins and what was found, a progress bar for what
/// takes long.
class ConsoleObserver final : public engine::Observer {
 public:
  explicit ConsoleObserver(terminal::Context& context) : context_(context) {}

  void warning(const std::string& text) override;
  void on_comparing(Bytes done, Bytes total) override;
  void link_estimated(const engine::LinkEstimate& estimate) override;
  void observing(const std::string& vm, Seconds duration) override;
  void on_observing(const profile::ObserveProgress& progress) override;
  void rehearsing(const std::string& vm, const std::string& why) override;
  void on_rehearsing(Ratio done) override;
  void profiled(const GuestProfile& profile) override;
  void predicted(const Prediction& prediction, const Link& link) override;
  void migrating(const MigrationPlan& plan, const std::string& destination) override;
  void on_migrating(const control::Progress& progress) override;
  void on_event(const control::RunEvent& event) override;
  void ended(const OutcomeRecord& record) override;

  /// What was predicted; also where nothing was run then.
  [[nodiscard]] const std::optional<Prediction>& prediction() const { return prediction_; }

 private:
  void say(std::string_view line);
  void draw(double done, std::optional<Seconds> left, std::string_view label,
            std::string_view note = {});

  terminal::Context& context_;
  TimePoint comparing_since_{};
  std::optional<terminal::ProgressBar> bar_;
  std::optional<Prediction> prediction_;
};

}  // namespace godwit::cli
