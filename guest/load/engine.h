// Runs a plan's loads, and changes from one plan to another.
#pragma once

#include <memory>
#include <string>

#include "godwit/guest/load_plan.h"
#include "load.h"
#include "telemetry.h"

namespace godwit::guest {

// Used by one thread at a time.
class Engine {
 public:
  Engine(Telemetry& telemetry, std::string disk, std::string runner);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // For the first plan; returns once its loads run. Throws when they can't: then none does.
  void start(const LoadPlan& plan);

  // Ends the loads that run, frees all they had, and starts others. Empty on success, else why
  // not; then the former plan runs again, or, if that can't any more, the guest is idle, and the
  // text says which.
  [[nodiscard]] std::string change(const LoadPlan& plan);

 private:
  class Running;

  void run(const LoadPlan& plan);

  Telemetry& telemetry_;
  std::string disk_;
  std::string runner_;
  LoadPlan plan_;
  std::unique_ptr<Running> running_;
};

}  // namespace godwit::guest
