#include "testing/generators.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

namespace godwit::generate {
namespace {

constexpr std::int64_t kCpus = 65536;

std::int64_t number_of_process() {
  return 1 + up_to(std::int64_t{1} << 40);
}

template <class T>
T one_of(std::initializer_list<T> all) {
  return *(all.begin() + up_to(static_cast<std::int64_t>(all.size()) - 1));
}

/// At most so many.
template <class Draw>
auto some(const Draw& draw, int most = 6) {
  std::vector<decltype(draw())> all;
  for (std::int64_t left = up_to(most); left > 0; --left) all.push_back(draw());
  return all;
}

template <class Draw>
auto maybe_interval(const Draw& draw) {
  return maybe([&draw] { return Interval<decltype(draw())>{draw(), draw(), draw()}; });
}

}  // namespace

// --- plain values ---

std::int64_t up_to(std::int64_t most) {
  return *rc::gen::inRange<std::int64_t>(0, most + 1);
}

bool flag() {
  return up_to(1) == 1;
}

int count(int most) {
  return static_cast<int>(up_to(most));
}

std::string text() {
  static const std::string pieces[] = {
      "a",  "Z",  "7",  " ",    "/", "@",      ":",  "'",         "\"", std::string(1, '\0'),
      "\\", "\n", "\t", "\x7f", "é", "\u2028", "漢", "\U0001F426"};
  std::string joined;
  for (std::int64_t left = up_to(12); left > 0; --left)
    joined += pieces[up_to(std::ssize(pieces) - 1)];
  return joined;
}

Bytes bytes(std::int64_t most) {
  return Bytes(up_to(flag() ? most : std::min<std::int64_t>(most, 1 << 20)));
}

Seconds seconds() {
  constexpr std::int64_t kDay = 86'400'000'000'000;
  return Seconds(static_cast<double>(up_to(flag() ? kDay : 1'000'000'000)) / 1e9);
}

Ratio ratio() {
  return Ratio(static_cast<double>(up_to(std::int64_t{1} << 53)) * 0x1.0p-53);
}

double number() {
  const double digits = static_cast<double>(up_to(std::int64_t{1} << 53));
  return std::ldexp(digits, -90 + count(67));
}

BytesPerSecond rate() {
  return BytesPerSecond(number() * one_of({1.0, 1e6, 1e9}));
}

std::int64_t wall_us() {
  return up_to(253'402'300'799'999'999);  // the last microsecond of the year 9999
}

// --- what is planned ---

Technique technique() {
  Technique t;
  t.streams = one_of({Streams::kOne, Streams::kMultifd});
  t.codec = one_of({Codec::kNone, Codec::kXbzrle, Codec::kCompress, Codec::kZlib, Codec::kZstd});
  t.throttle = one_of({Throttle::kNone, Throttle::kAutoConverge});
  t.ending = one_of({Ending::kConverged, Ending::kPostcopyAtOnce, Ending::kPostcopyAfterShare,
                     Ending::kFirstEstimate, Ending::kCold});
  t.storage = flag();
  return t;
}

namespace {

int percent() {
  return count(99);
}

MigrationParameters parameters() {
  MigrationParameters p;
  p.max_bandwidth = maybe(rate);
  p.max_postcopy_bandwidth = maybe(rate);
  p.avail_switchover_bandwidth = maybe(rate);
  p.downtime_limit = maybe(seconds);
  p.xbzrle_cache = maybe([] { return bytes(); });
  p.multifd_channels = maybe([] { return count(255); });
  p.multifd_compression = maybe(text);
  p.throttle_initial_percent = maybe(percent);
  p.throttle_increment_percent = maybe(percent);
  p.max_throttle_percent = maybe(percent);
  p.precopy_share = maybe(ratio);
  p.postcopy_preempt = maybe(flag);
  return p;
}

Link link() {
  return {rate(), maybe(seconds)};
}

// --- a profile ---

/// A curve as the profile promises it: windows and unique bytes rise, within `ram`.
std::vector<DirtyPoint> curve(Bytes ram) {
  DirtyPoint last;
  return some([&last, ram] {
    last.window += Seconds(static_cast<double>(1 + up_to(1'000'000'000)) / 1e9);
    last.unique += bytes((ram - last.unique).count());
    last.low = bytes(last.unique.count());
    last.high = bytes();
    return last;
  });
}

DirtyPoint dirty_point() {
  return {seconds(), bytes(), bytes(), bytes()};
}

DirtySource dirty_source() {
  return one_of({DirtySource::kContentHash, DirtySource::kRehearsal, DirtySource::kDirtyBitmap,
                 DirtySource::kDirtyRing});
}

PageContents contents() {
  return {PageCount(up_to(1 << 20)), ratio(), ratio(), seconds(), seconds(), 8 * ratio().value()};
}

PageChange change() {
  return {PageCount(up_to(1 << 20)), ratio(), bytes(), ratio()};
}

WriteTrace write_trace() {
  WriteTrace trace;
  trace.slot = Seconds(0.125 * (1 + count(3)));
  trace.slots = 1 + count(38);
  trace.changed = some([&trace] {
    std::vector<bool> slots(static_cast<std::size_t>(trace.slots));
    for (auto slot : slots) slot = flag();
    return slots;
  });
  trace.pages = PageCount(std::ssize(trace.changed) + up_to(100));
  return trace;
}

DiskProfile disk_profile() {
  DiskProfile disk{text(), bytes(), maybe([] { return bytes(); }), {}};
  disk.writes = maybe([] {
    DiskWrites writes{Bytes(1 + up_to(1 << 20)), seconds(), {}};
    for (int left = count(3); left > 0; --left) writes.classes.push_back({number(), number()});
    return writes;
  });
  return disk;
}

GuestProfile profile() {
  const auto cpus = [] { return count(kCpus); };
  GuestProfile p;
  p.vm = text();
  p.ram = bytes();
  p.page_size = PageSize(std::int64_t{1} << (9 + up_to(21)));
  p.zero_share = ratio();
  p.observed = seconds();
  p.sampled_pages = PageCount(up_to(std::int64_t{1} << 50));
  p.source = dirty_source();
  p.blind_spot = text();
  p.dirty_curve = curve(p.ram);
  p.other_curves = some([&p] { return SourcedCurve{dirty_source(), text(), curve(p.ram)}; }, 3);
  p.dirty_series = some(dirty_point);
  p.write_trace = maybe(write_trace);
  p.vcpus = maybe(cpus);
  p.host_cpus = maybe(cpus);
  p.duplicate_share = maybe(ratio);
  p.changed_to_zero_share = maybe(ratio);
  p.contents = maybe(contents);
  p.changed_contents = maybe(contents);
  p.end_contents = maybe(contents);
  p.change = maybe(change);
  p.vcpu_use = maybe(number);
  p.disks = some(disk_profile, 3);
  p.accelerator = maybe(text);
  p.qemu_version = maybe(text);
  return p;
}

// --- a prediction ---

Hump hump() {
  const Seconds total = seconds();
  return {ratio(), {total, total, total}};
}

StoragePrediction storage_prediction() {
  const Interval<Seconds> time{seconds(), seconds(), seconds()};
  return {ratio(), time, time, time, time, {bytes(), bytes(), bytes()}};
}

TechniquePrediction technique_prediction() {
  TechniquePrediction p;
  p.technique = technique();
  p.parameters = parameters();
  p.grounded = flag();
  p.converges = p.grounded && flag();
  p.converges_probability = maybe(ratio);
  p.why = text();
  p.model = text();
  p.total_time = maybe_interval(seconds);
  p.humps = some(hump);
  p.downtime.qemu = maybe_interval(seconds);
  p.downtime.events = maybe_interval(seconds);
  p.downtime.probe = maybe_interval(seconds);
  p.transferred = maybe_interval([] { return bytes(); });
  p.slowdown = maybe_interval(ratio);
  p.storage = maybe(storage_prediction);
  p.agility = maybe_interval(ratio);
  p.rounds = some([] { return PredictedRound{seconds(), bytes(), bytes()}; });
  return p;
}

Prediction prediction() {
  const auto advice = [] { return Advice{technique(), parameters(), text()}; };
  return {some(technique_prediction, 3), maybe(advice)};
}

// --- an outcome ---

RoundRecord round_record() {
  const auto size = [] { return bytes(); };
  return {count(1'000'000), seconds(), seconds(), bytes(), maybe(size), maybe(size), some(ratio)};
}

AppliedOrder applied_order() {
  Order order{maybe(seconds), maybe(rate), maybe(ratio), flag(), flag(), text()};
  return {count(1'000'000), seconds(), std::move(order), text()};
}

MigrationOutcome outcome() {
  const auto size = [] { return bytes(); };
  MigrationOutcome o;
  o.status = one_of({OutcomeStatus::kCompleted, OutcomeStatus::kCancelled, OutcomeStatus::kFailed,
                     OutcomeStatus::kDidNotConverge});
  o.vm_runs_on = one_of(
      {VmRunsOn::kSource, VmRunsOn::kDestination, VmRunsOn::kBothPaused, VmRunsOn::kUnknown});
  o.reason = text();
  o.technique = technique();
  o.requested = Requested{text(), text()};
  o.parameters = parameters();
  o.total_time = maybe(seconds);
  o.downtime = Downtime{maybe(seconds), maybe(seconds), maybe(seconds)};
  o.transferred = TransferredBytes{maybe(size), maybe(size)};
  o.rounds = some(round_record);
  o.guest = GuestOutcome{maybe(ratio), maybe(seconds), maybe(flag), text()};
  o.storage = maybe([] {
    return StorageOutcome{count(kCpus), bytes(), maybe(seconds), maybe(seconds)};
  });
  o.technique.storage = o.storage.has_value();
  o.started_wall_us = wall_us();
  o.remarks = some(text);
  o.orders = some(applied_order);
  o.postcopy_standstill = maybe(seconds);
  o.given_back = maybe(flag);
  o.destination_usable = maybe(flag);
  return o;
}

OutcomeRecord record() {
  OutcomeRecord r;
  r.id = flag() ? number_of_process() : -number_of_process();
  r.source = text();
  r.destination = text();
  r.link = maybe(link);
  r.profile = maybe(profile);
  r.predicted = maybe(prediction);
  r.outcome = outcome();
  return r;
}

// --- a journal's entry ---

MigrationSettings migration_settings() {
  const auto capability = [] {
    return one_of({Capability::kEvents, Capability::kXbzrle, Capability::kMultifd,
                   Capability::kSwitchoverAck});
  };
  const auto on = some(capability);
  return {CapabilitySet(on.begin(), on.end()), parameters()};
}

LentCpu lent_cpu() {
  LentCpu lent{number_of_process(),
               number_of_process(),
               one_of({CgroupVersion::kV1, CgroupVersion::kV2}),
               text(),
               {}};
  if (flag()) lent.homes.push_back({text(), flag()});
  return lent;
}

JournalEntry journal_entry() {
  const auto lease = [] { return Lease{migration_settings(), migration_settings()}; };
  JournalEntry entry;
  entry.source = text();
  entry.destination = text();
  for (std::int64_t* one : {&entry.source_pid, &entry.source_started, &entry.destination_pid,
                            &entry.destination_started, &entry.writer_pid, &entry.writer_started}) {
    *one = number_of_process();
  }
  for (std::string* one :
       {&entry.source_identity, &entry.destination_identity, &entry.writer_world}) {
    *one = text();
  }
  entry.id = "m" + text();
  entry.step = one_of<const char*>({"preparing", "migrating", "postcopy"});
  entry.wall_us = wall_us();
  entry.source_lease = maybe(lease);
  entry.destination_lease = maybe(lease);
  entry.source_cpu = maybe(lent_cpu);
  return entry;
}

}  // namespace
}  // namespace godwit::generate

namespace rc {

using namespace godwit;

Gen<MigrationParameters> Arbitrary<MigrationParameters>::arbitrary() {
  return gen::exec(generate::parameters);
}
Gen<GuestProfile> Arbitrary<GuestProfile>::arbitrary() {
  return gen::exec(generate::profile);
}
Gen<Prediction> Arbitrary<Prediction>::arbitrary() {
  return gen::exec(generate::prediction);
}
Gen<MigrationOutcome> Arbitrary<MigrationOutcome>::arbitrary() {
  return gen::exec(generate::outcome);
}
Gen<OutcomeRecord> Arbitrary<OutcomeRecord>::arbitrary() {
  return gen::exec(generate::record);
}
Gen<JournalEntry> Arbitrary<JournalEntry>::arbitrary() {
  return gen::exec(generate::journal_entry);
}

}  // namespace rc
