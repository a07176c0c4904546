#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/engine/engine.h"
#include "godwit/engine/places.h"
#include "godwit/lab/user_lab.h"
#include "godwit/terminal/output.h"

namespace godwit::terminal {

/// What every command is given.
struct Context {
  Output& out;
  Clock& clock;
  std::stop_token stop;
  std::stop_token
      leave{};  ///< requested by a second Ctrl-C: wait for nothing that can't be stopped
  engine::Places places{};
};

/// The engine, as a command needs it; `lab` is the one that `lab:` addresses mean. `context`
/// outlives it.
[[nodiscard]] engine::Engine open_engine(Context& context, const std::string& lab);

/// The same for each of several threads, which a token of its own stops. Thread-safe.
using EngineMaker = std::function<std::unique_ptr<engine::Engine>(std::stop_token)>;
[[nodiscard]] EngineMaker engine_maker(Context& context, const std::string& lab);

/// An ordinary user's lab lives in namespaces that must be entered before there is any thread.
struct LabEntry {
  std::string lab;
  lab::EnterMode mode = lab::EnterMode::kJoin;
};
/// Which lab a VM's address means; nothing where it means none.
[[nodiscard]] std::optional<LabEntry> lab_entry_of(const std::string& vm, const std::string& lab);

}  // namespace godwit::terminal
