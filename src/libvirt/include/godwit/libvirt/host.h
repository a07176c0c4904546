#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/libvirt/connection.h"

/// What a host has, and what is on it, by its daemon. Questions alone. Any thread.

namespace godwit::libvirt {

struct HostedDomain {
  std::string name;
  std::string uuid;
  RunState state = RunState::kOther;
  std::string state_name{};  ///< in words: "paused (by a person)"
  bool leaves = false;       ///< a migration away from here is under way
  Bytes memory{};
  int vcpus = 0;
  /// The guest is here: it is not waited for, and was not given away.
  [[nodiscard]] bool has_guest() const {
    return state != RunState::kInmigrate && state != RunState::kFinishMigrate &&
           state != RunState::kPostmigrate;
  }
};

struct HostFacts {
  /// What its domains may take in all: what is free or a cache now, and what they hold of it.
  /// Absent where the daemon does not tell.
  std::optional<Bytes> memory;
  std::vector<HostedDomain> active;
  std::vector<HostedDomain> stopped;  ///< defined, and shut off
  std::string machine{};              ///< its UUID; empty where the daemon has none to tell
};

/// Domains that end meanwhile are left out. kPeerGone, kPermission …
Result<HostFacts> look_at_host(const Connection& host);

/// The domain of that name or UUID; nothing where there is none, or it is shut off.
Result<std::optional<HostedDomain>> active_domain(const Connection& host,
                                                  const std::string& domain);

/// Of two hosts whose machines have one UUID. `what`: "source and destination are one host".
[[nodiscard]] Error one_machine(std::string_view what);

/// What a host could still give a guest: free memory, and caches.
[[nodiscard]] std::optional<Bytes> memory_free(const Connection& host);

}  // namespace godwit::libvirt
