#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "godwit/base/error.h"

namespace godwit::engine {

/// Looks up an environment variable: null where it is not set, as std::getenv.
using Environment = std::function<const char*(const char*)>;

/// Where Godwit keeps what outlives a process. The one place that decides it:
/// - a user's own folders by the XDG base directory specification: $XDG_DATA_HOME, else
///   ~/.local/share, and for the journal $XDG_STATE_HOME, else ~/.local/state. A relative value is
///   ignored, as the specification demands;
/// - for root, and so for a service, /var/lib/godwit, unless the variable names a folder. Root's
///   own folders were used until Godwit 0.1: what is there is `older…`, and still read.
///
/// kEnvironment where neither the variable nor HOME is set.
class Places {
 public:
  /// Of this process. Who is root in a user namespace only is an ordinary user.
  Places();
  Places(Environment environment, bool root,
         std::filesystem::path system_folder = "/var/lib/godwit");

  /// The store's file.
  [[nodiscard]] Result<std::filesystem::path> outcomes() const;
  /// What `godwit learn` learnt.
  [[nodiscard]] Result<std::filesystem::path> model() const;
  [[nodiscard]] Result<std::filesystem::path> journal() const;
  /// What is recorded of a fleet's moves. `key`: the fleet's, fit for a file's name.
  [[nodiscard]] Result<std::filesystem::path> fleet(const std::string& key) const;
  /// A folder of a user's own for runs of the bench.
  [[nodiscard]] Result<std::filesystem::path> bench() const;

  /// Where an earlier version kept the same; nothing where that is the same file, or is not there.
  [[nodiscard]] std::optional<std::filesystem::path> older_outcomes() const;
  [[nodiscard]] std::optional<std::filesystem::path> older_model() const;
  [[nodiscard]] std::optional<std::filesystem::path> older_journal() const;

 private:
  Environment environment_;
  bool root_;
  std::filesystem::path system_;
};

}  // namespace godwit::engine
