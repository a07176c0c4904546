#pragma once

#include <optional>
#include <string>

#include "godwit/base/error.h"
#include "godwit/domain/outcome.h"
#include "godwit/engine/engine.h"
#include "godwit/fleet/mover.h"

/// A move by the engine, between sides that are open.

namespace godwit::hosts {

/// Plans and runs it as ordered, once it is its turn. The outcome is kept in the store of that file
/// (empty: the usual one). `tls`: as of Request. Errors as Engine::execute: nothing was begun.
Result<MigrationOutcome> drive(engine::Engine& engine, engine::OpenPair& pair,
                               const fleet::MoveOrder& order, fleet::MoveWatcher& watcher,
                               const std::string& store, bool tls = false);

/// Which of a VM's QEMUs has it. `there`: that of a move which was not ended, where one may be.
/// kNotFound: none; kBusy: somebody drives it, or it is not certain.
Result<Side> holder_of(engine::Engine& engine, const std::string& vm, const std::string& here,
                       const std::optional<std::string>& there);

}  // namespace godwit::hosts
