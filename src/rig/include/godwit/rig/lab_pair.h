#pragma once

#include <memory>
#include <string>

#include "godwit/domain/outcome.h"
#include "godwit/domain/ports.h"
#include "godwit/engine/engine.h"

namespace godwit::rig {

/// What looks at a lab guest from outside, at both hosts.
struct LabInstruments {
  std::unique_ptr<OutageProbe> probe;  ///< pings from the lab's client
  std::unique_ptr<GuestCheck> check;   ///< the guest's own reports
  std::unique_ptr<WireCounter> wire;   ///< what the source's host sends on the migration network
};
Result<LabInstruments> lab_instruments(const std::string& lab, const std::string& guest,
                                       const std::string& here, const std::string& there);

/// Opens a lab guest and a fresh destination for it on `host`, with pings from the lab's client,
/// the guest's own reports and the migration network's counters. An earlier destination is ended
/// only when it waits still and the guest runs at its source; else kBusy. On error no new one is
/// left.
Result<engine::OpenPair> open_lab_pair(engine::Engine& engine, const std::string& lab,
                                       const std::string& guest, const std::string& host);

/// After the migration, once the pair is closed: ends the QEMU that no longer has the guest, so
/// that the guest has one again. Both stay where it is not certain which one that is.
Result<void> retire_loser(const std::string& lab, const std::string& guest, VmRunsOn runs_on,
                          const std::string& source_host, const std::string& destination_host);

}  // namespace godwit::rig
