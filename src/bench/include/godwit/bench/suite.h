#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/bench/cell.h"

namespace godwit::bench {

/// A suite: which migrations to measure, and how often. In TOML:
///
///     name = "hu-dirty-size"
///     about = "How much a guest rewrites, doubled up to its memory"
///     repeats = 3
///
///     [cell]                       # what may be left out; a list is swept
///     technique = ["precopy", "postcopy"]
///     link = "40MB/s"
///     round_trip = "5ms"
///     ram = "256MiB"
///     disk = "512MiB"              # where the load uses one, or it moves along
///     disk_filled = 0.5            # of one that moves, before it does
///     downtime_limit = "300ms"
///     precopy_share = 0.5
///     precopy_storage = [0, 1]     # of disks that move; as the one above, not said to "auto"
///     postcopy_preempt = false
///     max_time = "60s"
///     observe = "2s"
///     rehearse = false
///     pings = true
///     law = ["none", "jin,c=0.6"]  # docs/steering.md; and what it steers to:
///     max_downtime = "300ms"
///     no_postcopy = true
///     relay = false
///
/// The technique "auto", or "auto+storage", is chosen anew each time, by these and
///
///     prefer = "agility"
///
///     [loads]                      # name = what the guest does; {key} is taken from [sweep]
///     memory-write = "memory-write,set={set},rate=full"
///     idle = "idle"
///
///     [sweep]
///     set = ["4MiB", "8MiB", "16MiB"]
struct Suite {
  std::string name;
  std::string about;
  int repeats = 1;
  std::vector<Cell> cells;  ///< one of each, repeat 1
  std::string toml;         ///< the text it was read from
};

/// kBadInput with the line: a key that no suite has, a value of the wrong kind or without its unit,
/// a load that needs something that is not swept, something swept that no load needs, an empty
/// list, more than 10,000 migrations in all.
Result<Suite> parse_suite(std::string_view toml);

/// All migrations of a suite in the order in which they are made: all of repeat 1 in random order,
/// then all of repeat 2 and so on, so that what drifts on the machine falls on all cells alike. The
/// same seed gives the same order.
std::vector<Cell> shuffled_cells(const Suite& suite, std::uint64_t seed);

}  // namespace godwit::bench
