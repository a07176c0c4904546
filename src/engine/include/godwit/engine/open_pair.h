#pragma once

#include <memory>
#include <string>

#include "godwit/domain/ports.h"
#include "godwit/engine/manager.h"
#include "godwit/engine/opener.h"

namespace godwit::engine {

/// Both sides of a migration, open to be driven, and who looks at the guest from outside.
struct OpenPair {
  std::string source_name;  ///< as the user wrote it
  std::string destination_name;
  OpenVm source;
  OpenVm destination;  ///< nothing yet where there is a manager
  /// Who moves the VM where Godwit does not drive both hypervisors itself; null where it does.
  std::unique_ptr<Manager> manager;
  std::string listen;                  ///< where the destination is to listen
  std::string stream;                  ///< where the source connects to
  bool can_postcopy = true;            ///< false where it is known that the host forbids it
  std::unique_ptr<OutageProbe> probe;  ///< may be null, as the next two
  std::unique_ptr<GuestCheck> check;
  std::unique_ptr<WireCounter> wire;
};

/// Whom to ping for the outage that a client sees; empty: nobody.
struct PingTarget {
  std::string address;
  std::string netns;  ///< of the client; empty: this one
};

}  // namespace godwit::engine
