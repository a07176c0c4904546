#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/json.h"
#include "godwit/base/units.h"
#include "godwit/bench/cell.h"
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

/// One figure before the migration, during it and after it; absent: not measured.
template <class T>
struct Phases {
  std::optional<T> before;
  std::optional<T> during;
  std::optional<T> after;
  friend bool operator==(const Phases&, const Phases&) = default;
};

/// What a client of the guest's service saw, as far as the load has any.
struct Network {
  /// Longest silence of a TCP connection less its usual one: between the messages that the guest
  /// sends, or between its acknowledgements of what it is sent. Absent where the connection on
  /// which it was sent ended.
  std::optional<Seconds> tcp_gap;
  std::optional<std::int64_t> udp_lost;          ///< messages that never came
  std::optional<std::int64_t> udp_out_of_order;  ///< messages that came after a newer one
  /// Latency of requests for a page, from when they were due. Absent also where so many failed
  /// that it has no end.
  Phases<Seconds> http_p50;
  Phases<Seconds> http_p99;
  Phases<std::int64_t> http_failed;    ///< requests without an answer, or with a wrong one
  std::optional<std::string> trouble;  ///< what went wrong meanwhile: "the connection ended"
  friend bool operator==(const Network&, const Network&) = default;
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
  std::optional<Network> network;  ///< absent: the load has no client
  /// From the start until the guest ran at the destination, known to a quarter of a second where
  /// post-copy follows. Absent where no disk moved, or it stayed.
  std::optional<Seconds> runs_there;
  /// Zhang's Delta-T: what the guest took at its destination for what it does in 20 s undisturbed.
  /// Absent where no disk moved, or it never did as much.
  std::optional<Seconds> restored;
  friend bool operator==(const Trial&, const Trial&) = default;
};

/// "broken", or the outcome's status.
std::string status_of(const Trial& trial);

/// The technique that was carried out: of an advised one, the advised. And with which parameters.
[[nodiscard]] Technique technique_of(const Trial& trial);
[[nodiscard]] const MigrationParameters& parameters_of(const Trial& trial);
/// Zhang's restoration agility as it was measured, 1 for undisturbed: 20 s / (D + Delta-T).
[[nodiscard]] std::optional<double> agility_of(const Trial& trial);

/// `{"number", "at", "cell", "broken" or "record", "samples": {"t_s": [], …}, "pings": {"t_s": [],
/// "answer_ms": []}, "host_cpu_s": {"source", "destination"}, "network": {"tcp_gap_ms", "udp_lost",
/// "udp_out_of_order", "http_p50_ms": {"before", "during", "after"}, "http_p99_ms": {…},
/// "http_failed": {…}, "trouble"}, "runs_there_s", "restored_s"}`: columns rather than rows, since
/// samples are many; what was not measured is not there. kCorrupt for anything else.
Json to_json(const Trial& trial);
Result<Trial> trial_from_json(const Json& json);

}  // namespace godwit::bench
