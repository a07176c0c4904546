#include "godwit/engine/places.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>

namespace godwit::engine {
namespace {

namespace fs = std::filesystem;

/// A kind of file by the XDG specification: the variable that names its folder, and where that is
/// below a home without it.
struct Kind {
  const char* variable;
  const char* below_home;
};
constexpr Kind kData{"XDG_DATA_HOME", ".local/share"};
constexpr Kind kState{"XDG_STATE_HOME", ".local/state"};

constexpr const char* kOutcomes = "outcomes.db";
constexpr const char* kModel = "model.json";
constexpr const char* kJournal = "journal.jsonl";

/// The variable's value if it is an absolute path.
fs::path absolute_path_in(const Environment& environment, const char* variable) {
  const char* value = environment(variable);
  fs::path path(value == nullptr ? "" : value);
  return path.is_absolute() ? path : fs::path();
}

/// Godwit's folder among a user's own.
Result<fs::path> user_folder(const Environment& environment, const Kind& kind) {
  if (fs::path base = absolute_path_in(environment, kind.variable); !base.empty()) {
    return base / "godwit";
  }
  const fs::path home = absolute_path_in(environment, "HOME");
  if (home.empty()) {
    return fail(ErrorCode::kEnvironment, fmt::format("neither {} nor HOME is set", kind.variable),
                fmt::format("set HOME, or {}, to an absolute path", kind.variable));
  }
  return home / kind.below_home / "godwit";
}

bool is_system_wide(const Environment& environment, const Kind& kind, bool root) {
  return root && absolute_path_in(environment, kind.variable).empty();
}

/// Root's own file of earlier versions, where the system's is used now.
std::optional<fs::path> older(const Environment& environment, const Kind& kind, bool root,
                              const char* file) {
  if (!is_system_wide(environment, kind, root)) return std::nullopt;
  const auto folder = user_folder(environment, kind);
  std::error_code missing;
  if (!folder || !fs::exists(*folder / file, missing)) return std::nullopt;
  return *folder / file;
}

/// The system's root, and not an ordinary user who is root in a user namespace (as in a lab of
/// theirs): there the first line of the map says whom the namespace's 0 stands for.
bool is_root() {
  std::ifstream map("/proc/self/uid_map");
  long inside = -1;
  long outside = -1;
  map >> inside >> outside;
  return ::geteuid() == 0 && inside == 0 && outside == 0;
}

}  // namespace

Places::Places() : Places([](const char* name) { return std::getenv(name); }, is_root()) {}

Places::Places(Environment environment, bool root, fs::path system_folder)
    : environment_(std::move(environment)), root_(root), system_(std::move(system_folder)) {}

Result<fs::path> Places::outcomes() const {
  if (is_system_wide(environment_, kData, root_)) return system_ / kOutcomes;
  GODWIT_TRY(const fs::path folder, user_folder(environment_, kData));
  return folder / kOutcomes;
}

Result<fs::path> Places::model() const {
  if (is_system_wide(environment_, kData, root_)) return system_ / kModel;
  GODWIT_TRY(const fs::path folder, user_folder(environment_, kData));
  return folder / kModel;
}

Result<fs::path> Places::journal() const {
  if (is_system_wide(environment_, kState, root_)) return system_ / kJournal;
  GODWIT_TRY(const fs::path folder, user_folder(environment_, kState));
  return folder / kJournal;
}

Result<fs::path> Places::fleet(const std::string& key) const {
  GODWIT_TRY(const fs::path journal_file, journal());
  return journal_file.parent_path() / "fleets" / (key + ".jsonl");
}

Result<fs::path> Places::bench() const {
  GODWIT_TRY(const fs::path folder, user_folder(environment_, kData));
  return folder / "bench";
}

std::optional<fs::path> Places::older_outcomes() const {
  return older(environment_, kData, root_, kOutcomes);
}
std::optional<fs::path> Places::older_model() const {
  return older(environment_, kData, root_, kModel);
}
std::optional<fs::path> Places::older_journal() const {
  return older(environment_, kState, root_, kJournal);
}

}  // namespace godwit::engine
