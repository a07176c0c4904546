#pragma once

#include <optional>
#include <string>

#include "godwit/advise/rehearse.h"
#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/control/migration_run.h"
#include "godwit/domain/link.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/technique.h"

namespace godwit::engine {

using advise::Rehearse;

/// What somebody wants of a migration, besides which VM and where to.
struct Request {
  Intent intent;
  std::optional<Technique> technique;  ///< absent: the one that serves the intent best ("auto")
  bool storage = false;                ///< with "auto": the disks move along
  /// By the names of steer/laws.h; absent: Godwit's own where Godwit chooses the technique, too,
  /// and none for a technique that somebody named, which is to run as it is.
  std::optional<std::string> law;
  bool observe_only = false;  ///< the law decides, and nothing is ordered
  bool relay = false;         ///< the stream runs through this process (docs/relay.md)
  bool tls = false;           ///< libvirt is to encrypt the stream and the disks (docs/tls.md)
  std::optional<Link> link;   ///< absent: estimated, and QEMU is not held to it
  bool profile = true;        ///< without one nothing is predicted, and "auto" is plain pre-copy
  Seconds observe{8};
  /// Where it fails the profile does without.
  Rehearse rehearse = Rehearse::kNever;
  Seconds mend_for = control::RunOptions().mend_for;  ///< a post-copy whose link broke
  MigrationParameters parameters;                     ///< fixed, whatever would be advised
  bool keep = true;                                   ///< in the store of outcomes
  std::string store;                                  ///< its file; empty: the usual one
};

/// Do the disks move along?
[[nodiscard]] bool moves_disks(const Request& request);

/// The control law's name.
[[nodiscard]] std::string law_of(const Request& request);

/// The technique as a name, for the outcome: "auto", "precopy+storage".
[[nodiscard]] std::string technique_name(const Request& request);

/// kBadInput: what can't be had together, parts of a technique too, or a control law that is not
/// known. Pure.
Result<void> check(const Request& request);

}  // namespace godwit::engine
