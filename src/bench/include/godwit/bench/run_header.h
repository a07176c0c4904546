#pragma once

#include <cstdint>
#include <string>

#include "godwit/base/error.h"
#include "godwit/base/json.h"
#include "godwit/base/units.h"

namespace godwit::bench {

/// The machine on which a run is measured. (Which QEMU it was, each trial's profile says.)
struct HostFacts {
  std::string cpu;
  int cores = 0;
  Bytes memory;
  std::string kernel;
  friend bool operator==(const HostFacts&, const HostFacts&) = default;
};

/// What a folder of trials holds: which work, on which machine. It stands in the folder before the
/// first trial does, and decides whether a later run may go on there.
struct RunHeader {
  std::string name;  ///< of the suite, or "campaign"
  std::string toml;  ///< the suite's text; empty for a campaign
  std::uint64_t seed = 0;
  std::string godwit;  ///< the version that began it
  HostFacts host;
  friend bool operator==(const RunHeader&, const RunHeader&) = default;
};

Json to_json(const RunHeader& header);
/// kCorrupt, also for a version that this Godwit does not know.
Result<RunHeader> header_from_json(const Json& json);

/// kBadInput where the folder holds other work than `wanted`: another suite or another text of it.
/// Seed, version and machine may differ: the seed kept counts; the machine is only worth a warning.
Result<void> same_work(const RunHeader& kept, const RunHeader& wanted);

}  // namespace godwit::bench
