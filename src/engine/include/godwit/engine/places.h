#pragma once

#include <filesystem>
#include <functional>

#include "godwit/base/error.h"

/// Where Godwit keeps things, by the XDG base directory specification.

namespace godwit::store {

/// Looks up an environment variable: null where it is not set, as std::getenv.
using Environment = std::function<const char*(const char*)>;

/// `$XDG_DATA_HOME/godwit/outcomes.db`, else `~/.local/share/godwit/outcomes.db`. A relative
/// XDG_DATA_HOME is ignored, as the specification demands. kEnvironment when HOME is unset too.
Result<std::filesystem::path> default_store_path(const Environment& environment);
/// `$XDG_DATA_HOME/godwit/model.json`: what `godwit learn` learnt; as above.
Result<std::filesystem::path> default_model_path(const Environment& environment);
/// `$XDG_STATE_HOME/godwit/journal.jsonl`, else `~/.local/state/godwit/journal.jsonl`; as above.
Result<std::filesystem::path> default_journal_path(const Environment& environment);

}  // namespace godwit::store
