#include "godwit/store/paths.h"

#include <fmt/format.h>

#include <string>

namespace godwit::store {
namespace {

namespace fs = std::filesystem;

/// The variable's value if it is an absolute path.
fs::path absolute_path_in(const Environment& environment, const char* variable) {
  const char* value = environment(variable);
  fs::path path(value == nullptr ? "" : value);
  return path.is_absolute() ? path : fs::path();
}

Result<fs::path> base_folder(const Environment& environment, const char* variable,
                             const char* below_home) {
  if (fs::path base = absolute_path_in(environment, variable); !base.empty()) return base;
  const fs::path home = absolute_path_in(environment, "HOME");
  if (home.empty()) {
    return fail(ErrorCode::kEnvironment, fmt::format("neither {} nor HOME is set", variable),
                fmt::format("set HOME, or {}, to an absolute path", variable));
  }
  return home / below_home;
}

}  // namespace

Result<fs::path> default_store_path(const Environment& environment) {
  GODWIT_TRY(const fs::path base, base_folder(environment, "XDG_DATA_HOME", ".local/share"));
  return base / "godwit" / "outcomes.db";
}

Result<fs::path> default_model_path(const Environment& environment) {
  GODWIT_TRY(const fs::path base, base_folder(environment, "XDG_DATA_HOME", ".local/share"));
  return base / "godwit" / "model.json";
}

Result<fs::path> default_journal_path(const Environment& environment) {
  GODWIT_TRY(const fs::path base, base_folder(environment, "XDG_STATE_HOME", ".local/state"));
  return base / "godwit" / "journal.jsonl";
}

}  // namespace godwit::store
