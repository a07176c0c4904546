#pragma once

#include <stop_token>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/lab/user_lab.h"
#include "output.h"

namespace godwit::cli {

/// What every command is given.
struct Context {
  Output& out;
  Clock& clock;
  std::stop_token stop;
  std::stop_token
      leave{};  ///< requested by a second Ctrl-C: wait for nothing that can't be stopped
};

/// An ordinary user's lab lives in namespaces that must be entered before there is any thread.
struct LabEntry {
  std::string lab;
  lab::EnterMode mode = lab::EnterMode::kJoin;
};

}  // namespace godwit::cli
