#pragma once

#include <map>
#include <string>
#include <vector>

#include "godwit/fleet/runner.h"
#include "godwit/terminal/context.h"

namespace godwit::evacuation {

/// Shows a run while it goes on: on a terminal a line for each VM, drawn again and again; else a
/// line for each change.
class FleetLines final : public fleet::RunObserver {
 public:
  explicit FleetLines(terminal::Context& context) : context_(context) {}
  ~FleetLines() override;

  void replanned(const fleet::FleetPlan& plan, Seconds elapsed, const std::string& why) override;
  void changed(const fleet::VmReport& report) override;
  void on_progress(const std::string& vm, const control::Progress& progress) override;
  void warning(const std::string& text) override;

 private:
  struct Line {
    fleet::VmReport report;
    std::string said;
    std::string note;
    double done = 0;
  };
  void say(const std::string& text);
  void draw(bool at_once);
  void clear();

  terminal::Context& context_;
  std::vector<std::string> order_;  ///< VMs, as they came
  std::map<std::string, Line> lines_;
  std::size_t drawn_ = 0;  ///< lines on the terminal
  TimePoint last_{};
};

}  // namespace godwit::evacuation
