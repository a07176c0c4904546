#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/domain/link.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/engine/request.h"
#include "godwit/terminal/command_line.h"

/// Options that several commands share, as typed, and their meaning. Parsing into values happens
/// after CLI11, so that every wrong value gets an Error that says what to do.

namespace godwit::terminal {

inline constexpr const char* kRehearseHelp =
    "then also migrate it into nowhere for some seconds and cancel: QEMU's own dirty bitmap sees "
    "what hashes miss, but the guest is slowed meanwhile";
inline constexpr const char* kNoRehearseHelp =
    "never do so by itself, which a busy guest gets of which hashes see hardly any writing, unless "
    "--max-slowdown is given";
inline constexpr const char* kTlsHelp =
    "libvirt: encrypt memory and disks on their way, by the hosts' certificates (docs/tls.md)";

struct IntentOptions {
  std::string max_downtime;
  std::string max_time;
  std::string max_slowdown;
  std::string max_bytes;
  std::string prefer = "downtime";
  std::string confidence = "90%";
  bool no_postcopy = false;

  void add_to(Command& command);
  [[nodiscard]] Result<Intent> value() const;
};

/// What a migration that somebody else drives is judged by.
struct VerdictOptions {
  std::string max_downtime;
  std::string max_time;

  void add_to(Command& command);
  [[nodiscard]] Result<Intent> value() const;
};

struct LinkOption {
  std::string rate;
  std::string round_trip{};

  void add_to(Command& command);
  /// Nothing when it was not given.
  [[nodiscard]] Result<std::optional<Link>> value() const;
};

/// Where neither is given a VM is rehearsed where that is due.
struct RehearseOption {
  bool yes = false;
  bool no = false;

  /// Returns the one that asks for it.
  Option* add_to(Command& command);
  [[nodiscard]] engine::Rehearse value() const;
};

struct ObserveOption {
  std::string duration = "8s";

  Option* add_to(Command& command);
  [[nodiscard]] Result<Seconds> value() const;
};

struct StoreOption {
  std::string path;

  void add_to(Command& command);
};

/// --lab NAME: which lab `lab:` addresses mean.
void add_lab_name(Command& command, std::string& name);

/// What is sent before the guest moves, of memory and of its disks.
struct ShareOptions {
  std::string memory;
  std::string storage;

  void add_to(Command& command);
  /// Sets what was given.
  Result<void> read_into(MigrationParameters& parameters) const;
};

/// Techniques to predict, by their words.
struct TechniqueChoice {
  std::vector<Technique> techniques;  ///< without storage; empty: all
  bool storage = false;               ///< the disks move along
};

/// "0.25" or "25%", from 0 to 1.
Result<Ratio> parse_share(std::string_view text);
/// "auto" (as no name), "auto+storage" alone, or techniques by their words: all of them with
/// storage, or none.
Result<TechniqueChoice> parse_techniques(const std::vector<std::string>& names);
/// "auto", "auto+storage" or a technique by its words, into the request.
Result<void> read_technique(const std::string& name, engine::Request& request);

}  // namespace godwit::terminal
