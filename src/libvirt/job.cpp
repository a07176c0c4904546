#include "godwit/libvirt/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace godwit::libvirt {
namespace {

std::optional<std::int64_t> number(std::span<const virTypedParameter> job, std::string_view name) {
  for (const virTypedParameter& one : job) {
    if (name != one.field) continue;
    constexpr auto kMost = static_cast<unsigned long long>(kMostBytes.count());
    switch (one.type) {
      case VIR_TYPED_PARAM_INT:
        return std::max(one.value.i, 0);
      case VIR_TYPED_PARAM_UINT:
        return one.value.ui;
      case VIR_TYPED_PARAM_LLONG:
        return std::clamp<std::int64_t>(one.value.l, 0, kMostBytes.count());
      case VIR_TYPED_PARAM_ULLONG:
        return static_cast<std::int64_t>(std::min(one.value.ul, kMost));
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<Seconds> seconds(std::span<const virTypedParameter> job, std::string_view name) {
  const auto ms = number(job, name);
  return ms ? std::optional<Seconds>(Milliseconds(static_cast<double>(*ms))) : std::nullopt;
}

template <class Quantity>
std::optional<Quantity> count(std::span<const virTypedParameter> job, std::string_view name) {
  const auto value = number(job, name);
  return value ? std::optional(Quantity(*value)) : std::nullopt;
}

std::optional<BytesPerSecond> rate(std::span<const virTypedParameter> job, std::string_view name) {
  const auto value = number(job, name);
  return value ? std::optional(BytesPerSecond(static_cast<double>(*value))) : std::nullopt;
}

/// libvirt counts dirtied pages a second. Before the second sync 0 means that nothing is known.
std::optional<BytesPerSecond> dirty_rate(std::span<const virTypedParameter> job) {
  const auto pages = number(job, VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE);
  const bool synced_twice = number(job, VIR_DOMAIN_JOB_MEMORY_ITERATION).value_or(0) > 1;
  if (!pages || (*pages == 0 && !synced_twice)) return std::nullopt;
  const std::int64_t size = number(job, VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE).value_or(4096);
  return BytesPerSecond(static_cast<double>(*pages) * static_cast<double>(size));
}

RunState paused_for(int reason, bool incoming) {
  switch (reason) {
    case VIR_DOMAIN_PAUSED_MIGRATION:
    case VIR_DOMAIN_PAUSED_STARTING_UP:
      return incoming ? RunState::kInmigrate : RunState::kFinishMigrate;
    case VIR_DOMAIN_PAUSED_POSTCOPY:
    case VIR_DOMAIN_PAUSED_POSTCOPY_FAILED:
      return RunState::kPostmigrate;
    case VIR_DOMAIN_PAUSED_IOERROR:
      return RunState::kIoError;
    case VIR_DOMAIN_PAUSED_CRASHED:
      return RunState::kBroken;
    case VIR_DOMAIN_PAUSED_SHUTTING_DOWN:
      return RunState::kShutdown;
    default:
      return RunState::kPaused;
  }
}

constexpr std::array kStates{"without a state", "running",  "blocked", "paused",
                             "shutting down",   "shut off", "crashed", "asleep"};
constexpr std::array kRunningFor{"",
                                 "booted",
                                 "migrated",
                                 "restored",
                                 "from a snapshot",
                                 "let run on",
                                 "migration cancelled",
                                 "save cancelled",
                                 "woken",
                                 "crashed before",
                                 "post-copy",
                                 "post-copy failed"};
constexpr std::array kPausedFor{
    "",          "by a person", "migration",       "being saved",      "being dumped",
    "I/O error", "watchdog",    "from a snapshot", "shutting down",    "snapshot",
    "crashed",   "starting up", "post-copy",       "post-copy failed", "could not be resumed"};
constexpr std::array kShutOffFor{
    "",      "shut down by itself", "destroyed",       "crashed",      "migrated",
    "saved", "failed to start",     "from a snapshot", "by the daemon"};

std::string_view word(std::span<const char* const> words, int index) {
  const bool known = index >= 0 && static_cast<std::size_t>(index) < words.size();
  return known ? words[static_cast<std::size_t>(index)] : "";
}

}  // namespace

MigrationStatus status_of(std::span<const virTypedParameter> job, bool ended) {
  MigrationStatus status;
  status.total_time = seconds(job, VIR_DOMAIN_JOB_TIME_ELAPSED);
  status.setup_time = seconds(job, VIR_DOMAIN_JOB_SETUP_TIME);
  (ended ? status.downtime : status.expected_downtime) = seconds(job, VIR_DOMAIN_JOB_DOWNTIME);
  status.total = count<Bytes>(job, VIR_DOMAIN_JOB_MEMORY_TOTAL);
  if (!status.total || *status.total == Bytes()) return status;  // memory's turn has not come
  status.transferred = count<Bytes>(job, VIR_DOMAIN_JOB_MEMORY_PROCESSED);
  status.remaining = count<Bytes>(job, VIR_DOMAIN_JOB_MEMORY_REMAINING);
  status.zero_pages = count<PageCount>(job, VIR_DOMAIN_JOB_MEMORY_CONSTANT);
  status.normal_pages = count<PageCount>(job, VIR_DOMAIN_JOB_MEMORY_NORMAL);
  status.page_size = count<Bytes>(job, VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE);
  status.dirty_sync_count = number(job, VIR_DOMAIN_JOB_MEMORY_ITERATION);
  status.dirty_rate = dirty_rate(job);
  status.throughput = rate(job, VIR_DOMAIN_JOB_MEMORY_BPS);
  status.postcopy_requests = number(job, VIR_DOMAIN_JOB_MEMORY_POSTCOPY_REQS);
  if (const auto throttle = number(job, VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE)) {
    status.throttle_percent = static_cast<int>(std::min<std::int64_t>(*throttle, 100));
  }
  return status;
}

int operation_of(std::span<const virTypedParameter> job) {
  return static_cast<int>(
      number(job, VIR_DOMAIN_JOB_OPERATION).value_or(VIR_DOMAIN_JOB_OPERATION_UNKNOWN));
}

RunState run_state_of(int state, int reason, bool incoming) {
  switch (state) {
    case VIR_DOMAIN_RUNNING:
    case VIR_DOMAIN_BLOCKED:
      return RunState::kRunning;
    case VIR_DOMAIN_PAUSED:
      return paused_for(reason, incoming);
    case VIR_DOMAIN_SHUTOFF:
      return reason == VIR_DOMAIN_SHUTOFF_MIGRATED ? RunState::kPostmigrate : RunState::kShutdown;
    case VIR_DOMAIN_SHUTDOWN:
      return RunState::kShutdown;
    case VIR_DOMAIN_CRASHED:
      return RunState::kBroken;
    case VIR_DOMAIN_PMSUSPENDED:
      return RunState::kSuspended;
    default:
      return RunState::kOther;
  }
}

std::string state_name(int state, int reason) {
  std::span<const char* const> reasons;
  if (state == VIR_DOMAIN_RUNNING) reasons = kRunningFor;
  if (state == VIR_DOMAIN_PAUSED) reasons = kPausedFor;
  if (state == VIR_DOMAIN_SHUTOFF) reasons = kShutOffFor;
  const std::string_view why = word(reasons, reason);
  const std::string_view what = word(kStates, state);
  return why.empty() ? std::string(what) : fmt::format("{} ({})", what, why);
}

}  // namespace godwit::libvirt
