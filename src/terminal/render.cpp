#include "godwit/terminal/render.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <string_view>

#include "godwit/base/quantity.h"
#include "godwit/codec/codec.h"
#include "godwit/model/idle.h"
#include "godwit/model/seen_share.h"
#include "godwit/terminal/table.h"

namespace godwit::terminal {
namespace {

constexpr std::string_view kNothing = "–";

template <class T>
std::string text(const std::optional<T>& value) {
  return value ? human(*value) : std::string(kNothing);
}

template <class T>
std::string text(const std::optional<Interval<T>>& value) {
  return value ? human(value->p50) : std::string(kNothing);
}

template <class T>
std::string range(const std::optional<Interval<T>>& value) {
  return value ? fmt::format("{} … {}", human(value->p05), human(value->p95))
               : std::string(kNothing);
}

double magnitude(Seconds value) {
  return value.count();
}
double magnitude(Bytes value) {
  return value.as_double();
}

/// "+3.1 %"
std::string relative_error(double predicted, double actual) {
  if (actual <= 0) return std::string(kNothing);
  return fmt::format("{:+.1f} %", (predicted - actual) / actual * 100);
}

/// Downtimes are compared in ms: a relative error of a few milliseconds says nothing.
std::string absolute_error(Seconds predicted, Seconds actual) {
  return fmt::format("{:+.0f} ms", (predicted - actual).count() * 1e3);
}

template <class T>
void add_comparison(Table& table, std::string_view what,
                    const std::optional<Interval<T>>& predicted, const std::optional<T>& actual,
                    bool in_ms) {
  if (!actual && !predicted) return;
  std::string error(kNothing);
  if (predicted && actual) {
    error = relative_error(magnitude(predicted->p50), magnitude(*actual));
    if constexpr (std::is_same_v<T, Seconds>) {
      if (in_ms) error = absolute_error(predicted->p50, *actual);
    }
  }
  table.add({std::string(what), text(predicted), range(predicted), text(actual), error});
}

/// Lines of what is known; nothing where nothing is.
std::string activity_text(const Activity& activity) {
  std::string out;
  const auto add = [&out](std::string_view what, const std::optional<BytesPerSecond>& first,
                          std::string_view first_name, const std::optional<BytesPerSecond>& second,
                          std::string_view second_name) {
    if (!first || !second) return;
    out += fmt::format("  {}: {} {}, {} {}\n", what, human(*first), first_name, human(*second),
                       second_name);
  };
  add("disks", activity.disk_read, "read", activity.disk_written, "written");
  add("network", activity.net_sent, "sent", activity.net_received, "received");
  return out;
}

/// Chunks that are written within so long.
double chunks_within(const DiskWrites& writes, Seconds window) {
  double all = 0;
  for (const ChunkClass& c : writes.classes) {
    all += c.chunks * -std::expm1(-c.writes_per_s * window.count());
  }
  return all;
}

std::string disk_text(const DiskProfile& disk) {
  std::string out = fmt::format("  disk {}: {}, {} allocated", disk.device, human(disk.size),
                                text(disk.allocated));
  if (!disk.writes) return out + "; how it is written could not be seen\n";
  const double unique = chunks_within(*disk.writes, disk.writes->observed);
  const std::string what =
      unique < 0.5 ? std::string("nothing")
                   : fmt::format("{:.0f} chunks of {}", unique, human(disk.writes->chunk));
  return out + fmt::format("; {} written within {}\n", what, human(disk.writes->observed));
}

}  // namespace

std::string link_text(const Link& link) {
  std::string text = human(link.rate);
  if (link.round_trip) text += ", round trip " + human(*link.round_trip);
  return text;
}

std::string profile_text(const GuestProfile& profile) {
  std::string out = fmt::format(
      "  memory {}, {:.0f} % of it zero pages; {} of {} pages looked at for {}\n",
      human(profile.ram), profile.zero_share.value() * 100, profile.sampled_pages.count(),
      profile.page_size.pages_for(profile.ram).count(), human(profile.observed));
  if (profile.vcpu_use) {
    out += fmt::format(
        "  vCPU use {:.0f} % of {}\n", *profile.vcpu_use * 100,
        profile.vcpus ? fmt::format("{} vCPU{}", *profile.vcpus, *profile.vcpus == 1 ? "" : "s")
                      : "one CPU");
    if (model::stood_idle(profile)) {
      out +=
          "  the guest did nothing meanwhile: it slept, and next to none of its memory changed. It "
          "has no work to lose; observe it while it works to see what a move costs then\n";
    }
  }
  out += activity_text(profile.activity);
  for (const DiskProfile& disk : profile.disks) out += disk_text(disk);
  if (profile.contents) {
    out +=
        fmt::format("  a page shrinks to {:.0f} % by zlib, {:.0f} % by zstd; {:.1f} bits a byte\n",
                    profile.contents->zlib.value() * 100, profile.contents->zstd.value() * 100,
                    profile.contents->entropy_bits);
  }
  if (profile.change) {
    out += fmt::format(
        "  a change modifies {:.0f} % of a page; XBZRLE makes {:.0f} % of changes smaller, to {} "
        "each\n",
        profile.change->modified_words.value() * 100,
        100 - profile.change->xbzrle_overflow.value() * 100, human(profile.change->xbzrle));
  }
  Table table({"written within", "unique pages", "90 % interval"});
  for (const DirtyPoint& point : profile.dirty_curve) {
    table.add({human(point.window), human(point.unique),
               fmt::format("{} … {}", human(point.low), human(point.high))});
  }
  out += table.text();
  if (!profile.blind_spot.empty()) {
    out += fmt::format("\n  source: {}; {}", to_string(profile.source), profile.blind_spot);
  }
  for (const model::SeenShare& seen : model::seen_shares(profile)) {
    out += fmt::format("\n  of what it saw written within {}, {} saw {:.0f} %", human(seen.window),
                       to_string(seen.source), seen.share.value() * 100);
  }
  for (const SourcedCurve& other : profile.other_curves) {
    out += fmt::format("\n  by {} instead:", to_string(other.source));
    for (const DirtyPoint& point : other.points) {
      out += fmt::format(" {} in {};", human(point.unique), human(point.window));
    }
    out += " " + other.blind_spot;
  }
  return out;
}

std::string rehearsal_text(const control::Rehearsal& rehearsal) {
  std::string out = fmt::format("  rehearsed for {}", human(rehearsal.took));
  if (rehearsal.first_pass) {
    out += fmt::format(", of it {} at full speed", human(*rehearsal.first_pass));
  }
  out += fmt::format("; the guest stood still for {} at most", human(rehearsal.longest_stop));
  if (rehearsal.ended_early) out += fmt::format("\n  ended early: {}", *rehearsal.ended_early);
  return out;
}

/// "yes", or how likely it is where that is not sure.
std::string convergence(const TechniquePrediction& p) {
  if (!p.grounded) return std::string(kNothing);
  const std::string verdict = p.converges ? "yes" : "no";
  if (!p.converges_probability) return verdict;
  const double percent = std::round(p.converges_probability->value() * 100);
  if (percent < 1 || percent > 99) return verdict;
  return fmt::format("{}, {:.0f} % likely", verdict, percent);
}

/// "ends after 4.2 s (3.9 s … 4.6 s), 60 % likely, or 19 s (15 s … 26 s), 40 %"
std::string humps_text(const std::vector<Hump>& humps) {
  std::string out = "ends after";
  for (const Hump& hump : humps) {
    const bool first = &hump == &humps.front();
    out +=
        fmt::format("{} {} ({} … {}), {:.0f} %{}", first ? "" : ", or", human(hump.total_time.p50),
                    human(hump.total_time.p05), human(hump.total_time.p95),
                    hump.share.value() * 100, first ? " likely" : "");
  }
  return out;
}

namespace {

std::string storage_text(const StoragePrediction& storage,
                         const std::optional<Interval<Ratio>>& agility) {
  const auto with_range = [](const Interval<Seconds>& time) {
    return fmt::format("{} ({} … {})", human(time.p50), human(time.p05), human(time.p95));
  };
  std::string out = fmt::format(
      "{:.0f} % of the disks beforehand, memory's turn after {}, the guest runs there after {}",
      storage.share.value() * 100, with_range(storage.ready_after),
      with_range(storage.runs_there_after));
  if (storage.independent_after.p50 > Seconds(0)) {
    out +=
        fmt::format(", independent of the source {} later", with_range(storage.independent_after));
  }
  if (!agility) return out;
  return out + fmt::format("; agility {:.2f} ({:.2f} … {:.2f})", agility->p50.value(),
                           agility->p05.value(), agility->p95.value());
}

}  // namespace

std::string prediction_text(const Prediction& prediction) {
  Table table({"technique", "total time", "QEMU downtime", "client's outage", "work lost", "sent",
               "converges"});
  std::string reasons;
  for (const TechniquePrediction& p : prediction.predictions) {
    const std::string name = to_string(p.technique);
    table.add({name, text(p.total_time), text(p.downtime.qemu), text(p.downtime.probe),
               p.slowdown ? fmt::format("{:.0f} %", p.slowdown->p50.value() * 100) : "–",
               text(p.transferred), convergence(p)});
    if (p.storage && leaves_disks_behind(p.parameters)) {
      reasons += fmt::format("\n  {}: {}", name, storage_text(*p.storage, p.agility));
    }
    if (!p.converges) reasons += fmt::format("\n  {}: {}", name, p.why);
    if (!p.humps.empty()) reasons += fmt::format("\n  {} {}", name, humps_text(p.humps));
  }
  std::string out = table.text() + reasons;
  if (prediction.advice) {
    out += fmt::format("\n  advice: {} — {}", to_string(prediction.advice->technique),
                       prediction.advice->why);
  }
  return out;
}

namespace {

std::string storage_text(const StorageOutcome& storage) {
  std::string out = fmt::format("\n  disks: {}, {} {}", storage.disks, human(storage.mirrored),
                                storage.precopy_share ? "copied beforehand" : "mirrored");
  if (storage.ready_after) out += fmt::format(", ready after {}", human(*storage.ready_after));
  if (storage.finish) {
    out += fmt::format(", {} {} after the guest's stop",
                       storage.precopy_share ? "handed over" : "whole", human(*storage.finish));
  }
  if (storage.independent_after) {
    out += fmt::format(", independent of the source {} after the switchover",
                       human(*storage.independent_after));
  } else if (storage.precopy_share) {
    out += ", not independent of the source";
  }
  return out;
}

}  // namespace

std::string outcome_text(const MigrationOutcome& outcome) {
  std::string out = fmt::format("  {}: {}; the VM runs on: {}", to_string(outcome.technique),
                                to_string(outcome.status), to_string(outcome.vm_runs_on));
  if (!outcome.reason.empty()) out += fmt::format("\n  reason: {}", outcome.reason);
  for (const std::string& remark : outcome.remarks) out += "\n  note: " + remark;
  if (outcome.storage) out += storage_text(*outcome.storage);
  std::string_view verdict = "guest not examined";
  if (outcome.guest.alive) {
    const bool there = outcome.vm_runs_on == VmRunsOn::kDestination;
    verdict = !*outcome.guest.alive ? "GUEST NOT WELL"
              : there               ? "guest alive on the destination"
                                    : "guest alive on the source";
  }
  out += fmt::format("\n  {}", verdict);
  if (!outcome.guest.evidence.empty()) out += fmt::format(" ({})", outcome.guest.evidence);
  return out;
}

Table comparison_table(const Prediction& predicted, const MigrationOutcome& outcome) {
  Table table({"measure", "predicted", "90 % interval", "actual", "error"});
  const TechniquePrediction* p = find(predicted, outcome.technique);
  if (p == nullptr) return table;
  add_comparison(table, "total time", p->total_time, outcome.total_time, false);
  add_comparison(table, "downtime, QEMU's", p->downtime.qemu, outcome.downtime.qemu, true);
  add_comparison(table, "downtime, events", p->downtime.events, outcome.downtime.events, true);
  add_comparison(table, "outage, a client's", p->downtime.probe, outcome.downtime.probe, true);
  add_comparison(table, "sent", p->transferred, outcome.transferred.qemu, false);
  if (p->storage && outcome.storage) {
    add_comparison(table, "until memory's turn", std::optional(p->storage->ready_after),
                   outcome.storage->ready_after, false);
    add_comparison(table, "independent of the source", std::optional(p->storage->independent_after),
                   outcome.storage->independent_after, false);
  }
  return table;
}

std::string comparison_text(const Prediction& predicted, const MigrationOutcome& outcome) {
  const Table table = comparison_table(predicted, outcome);
  return table.empty() ? std::string() : table.text();
}

std::string history_text(const std::vector<OutcomeRecord>& records) {
  if (records.empty()) return "  no migrations kept yet";
  Table table({"#", "started", "technique", "status", "VM on", "total", "predicted", "error",
               "outage", "sent"});
  for (const OutcomeRecord& record : records) {
    const MigrationOutcome& o = record.outcome;
    const TechniquePrediction* p =
        record.predicted ? find(*record.predicted, o.technique) : nullptr;
    std::string error(kNothing);
    if (p != nullptr && p->total_time && o.total_time && o.status == OutcomeStatus::kCompleted) {
      error = relative_error(p->total_time->p50.count(), o.total_time->count());
    }
    table.add({std::to_string(record.id), iso8601(o.started_wall_us).substr(0, 19),
               to_string(o.technique), std::string(to_string(o.status)),
               std::string(to_string(o.vm_runs_on)), text(o.total_time),
               p != nullptr ? text(p->total_time) : std::string(kNothing), error,
               text(o.downtime.probe), text(o.transferred.qemu)});
  }
  return table.text();
}

}  // namespace godwit::terminal
