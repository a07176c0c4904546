#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/bench/cell.h"
#include "godwit/domain/codec.h"
#include "godwit/domain/outcome.h"

namespace godwit::bench {

/// Where a migration stood at one moment.
struct Sample {
  Seconds at{};  ///< since its start
  Bytes transferred;
  std::optional<Bytes> remaining;
  std::optional<BytesPerSecond> dirty_rate;  ///< as QEMU saw it at its last sync
  std::optional<int> throttle_percent;
  friend bool operator==(const Sample&, const Sample&) = default;
};

/// One question to the guest, and when the answer came.
struct PingSample {
  Seconds at{};                   ///< of the question, since the migration's start
  std::optional<Seconds> answer;  ///< how long the answer took; absent: none came
  friend bool operator==(const PingSample&, const PingSample&) = default;
};

/// CPU time that the two QEMUs took during the migration, vCPUs included.
struct HostCpu {
  std::optional<Seconds> source;
  std::optional<Seconds> destination;
  friend bool operator==(const HostCpu&, const HostCpu&) = default;
};

/// One cell, done: all that was measured.
struct Trial {
  std::int64_t number = 0;   ///< its place in the order; a run has each number once
  std::int64_t wall_us = 0;  ///< when it was begun
  Cell cell;
  /// Why no migration could be made: the lab, the guest or a probe failed. Such a trial has no
  /// record. A migration that failed is no broken trial: its record says how.
  std::optional<std::string> broken;
  std::optional<OutcomeRecord> record;
  std::vector<Sample> samples;
  std::vector<PingSample> pings;
  HostCpu host_cpu;
  friend bool operator==(const Trial&, const Trial&) = default;
};

/// "broken", or the outcome's status.
std::string status_of(const Trial& trial);

/// `{"number", "at", "cell", "broken" or "record", "samples": {"t_s": [], …}, "pings": {"t_s": [],
/// "answer_ms": []}, "host_cpu_s": {"source", "destination"}}`: columns rather than rows, since
/// samples are many. kCorrupt for anything else.
Json to_json(const Trial& trial);
Result<Trial> trial_from_json(const Json& json);

}  // namespace godwit::bench
