#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/domain/network.h"
#include "godwit/schedule/transfer.h"

/// Hosts, VMs and the network between them, as a plan of migrations starts from them. Pure.

namespace godwit::schedule {

/// What a host has and a VM takes. Memory and processors in any unit, the same throughout a
/// problem.
struct Capacity {
  std::int64_t memory = 0;
  std::int64_t cpus = 0;
  friend bool operator==(const Capacity&, const Capacity&) = default;
};

struct HostState {
  std::string name;
  Capacity capacity;
  Seconds usable_from{};       ///< a host that is off: until it has booted
  bool must_be_empty = false;  ///< at the end; no VM may go there
  friend bool operator==(const HostState&, const HostState&) = default;
};

struct VmState {
  std::string name;
  std::size_t on = 0;  ///< host, an index
  std::optional<std::size_t>
      to{};  ///< where it is wanted; else it leaves only a host that must be empty
  Capacity takes;
  MemoryLoad load;
  bool fixed = false;         ///< may not migrate
  Seconds not_before{};       ///< earliest start
  std::int64_t priority = 0;  ///< of those that wait, higher ones go first
  std::string apart{};        ///< no two of a group on one host, not even while one of them moves
  std::string together{};     ///< all of a group end on one host
  std::set<std::size_t> barred{};  ///< hosts that can't take it
  friend bool operator==(const VmState&, const VmState&) = default;
};

/// A migration that is under way already, and goes on. Its VM counts as on its destination.
struct UnderWay {
  std::size_t vm = 0;
  std::size_t from = 0;  ///< a host, where it takes its room until it ends, too
  BytesPerSecond rate;   ///< reserved on every link of its path until it ends
  Seconds until{};       ///< its end, as far as can be told
};

struct Problem {
  Network network;  ///< its hosts are those of `hosts`, in the same order
  std::vector<HostState> hosts;
  std::vector<VmState> vms;
  /// T_O of Ramanathan et al., section 5: from the request for a migration to its start. The
  /// destination is prepared, and takes its memory, meanwhile.
  Seconds overhead{};
  std::vector<UnderWay> under_way{};
};

/// kBadInput, by name: indices beyond the lists, a VM on two counts, capacities below what runs
/// there, groups that contradict each other.
Result<void> check(const Problem& problem);

/// A problem as one JSON object, as a line of `mvm_instances.jsonl` has it (docs/scheduling.md),
/// with what identifies it there.
struct Instance {
  std::string kind;
  std::string scale;
  std::int64_t number = 0;
  Problem problem;
};
/// kCorrupt or kBadInput: what is wrong, by name.
Result<Instance> read_instance(std::string_view json);

}  // namespace godwit::schedule
