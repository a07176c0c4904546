#include "testing/generators.h"

#include <algorithm>
#include <cmath>

namespace godwit::generate {
namespace {

template <class T>
rc::Gen<std::vector<T>> some(const rc::Gen<T>& value) {
  return rc::gen::resize(6, rc::gen::container<std::vector<T>>(value));
}

template <class T>
rc::Gen<std::optional<Interval<T>>> maybe_interval(const rc::Gen<T>& value) {
  return maybe(rc::gen::exec([value] { return Interval<T>{*value, *value, *value}; }));
}

}  // namespace

rc::Gen<std::string> text() {
  static const std::vector<std::string> pieces{"a",
                                               "Z",
                                               "7",
                                               " ",
                                               "/",
                                               "@",
                                               ":",
                                               "'",
                                               "\"",
                                               "\\",
                                               "\n",
                                               "\t",
                                               std::string(1, '\0'),
                                               "\x7f",
                                               "é",
                                               "\u2028",
                                               "漢",
                                               "\U0001F426"};
  return rc::gen::map(
      rc::gen::resize(12, rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(pieces))),
      [](const std::vector<std::string>& chosen) {
        std::string joined;
        for (const std::string& piece : chosen) joined += piece;
        return joined;
      });
}

rc::Gen<std::int64_t> up_to(std::int64_t most) {
  return rc::gen::inRange<std::int64_t>(0, most + 1);
}

rc::Gen<Bytes> bytes(std::int64_t most) {
  return rc::gen::map(rc::gen::oneOf(up_to(most), up_to(std::min<std::int64_t>(most, 1 << 20))),
                      [](std::int64_t n) { return Bytes(n); });
}

rc::Gen<Seconds> seconds() {
  constexpr std::int64_t kDay = 86'400'000'000'000;
  return rc::gen::map(rc::gen::oneOf(up_to(kDay), up_to(1'000'000'000)),
                      [](std::int64_t ns) { return Seconds(static_cast<double>(ns) / 1e9); });
}

rc::Gen<Ratio> ratio() {
  return rc::gen::map(up_to(std::int64_t{1} << 53),
                      [](std::int64_t n) { return Ratio(static_cast<double>(n) * 0x1.0p-53); });
}

rc::Gen<double> number() {
  return rc::gen::map(rc::gen::pair(up_to(std::int64_t{1} << 53), rc::gen::inRange(-90, -22)),
                      [](const std::pair<std::int64_t, int>& parts) {
                        return std::ldexp(static_cast<double>(parts.first), parts.second);
                      });
}

rc::Gen<BytesPerSecond> rate() {
  return rc::gen::map(rc::gen::pair(number(), rc::gen::element(1.0, 1e6, 1e9)),
                      [](const std::pair<double, double>& parts) {
                        return BytesPerSecond(parts.first * parts.second);
                      });
}

rc::Gen<std::int64_t> wall_us() {
  return up_to(253'402'300'799'999'999);  // the last microsecond of the year 9999
}

rc::Gen<Technique> technique() {
  return rc::gen::exec([] {
    Technique t;
    t.streams = *rc::gen::element(Streams::kOne, Streams::kMultifd);
    t.codec = *rc::gen::element(Codec::kNone, Codec::kXbzrle, Codec::kCompress, Codec::kZlib,
                                Codec::kZstd);
    t.throttle = *rc::gen::element(Throttle::kNone, Throttle::kAutoConverge);
    t.ending =
        *rc::gen::element(Ending::kConverged, Ending::kPostcopyAtOnce, Ending::kPostcopyAfterShare,
                          Ending::kFirstEstimate, Ending::kCold);
    t.storage = *rc::gen::arbitrary<bool>();
    return t;
  });
}

rc::Gen<int> percent() {
  return rc::gen::inRange(0, 100);
}

rc::Gen<MigrationParameters> parameters() {
  return rc::gen::exec([] {
    MigrationParameters p;
    p.max_bandwidth = *maybe(rate());
    p.max_postcopy_bandwidth = *maybe(rate());
    p.avail_switchover_bandwidth = *maybe(rate());
    p.downtime_limit = *maybe(seconds());
    p.xbzrle_cache = *maybe(bytes());
    p.multifd_channels = *maybe(rc::gen::inRange(0, 256));
    p.multifd_compression = *maybe(text());
    p.throttle_initial_percent = *maybe(percent());
    p.throttle_increment_percent = *maybe(percent());
    p.max_throttle_percent = *maybe(percent());
    p.precopy_share = *maybe(ratio());
    p.postcopy_preempt = *maybe(rc::gen::arbitrary<bool>());
    return p;
  });
}

rc::Gen<Link> link() {
  return rc::gen::exec([] { return Link{*rate(), *maybe(seconds())}; });
}

rc::Gen<std::vector<DirtyPoint>> curve(Bytes ram) {
  return rc::gen::exec([ram] {
    std::vector<DirtyPoint> points;
    DirtyPoint last;
    const int length = *rc::gen::inRange(0, 7);
    for (int i = 0; i < length; ++i) {
      last.window += Seconds(static_cast<double>(1 + *up_to(1'000'000'000)) / 1e9);
      last.unique += *bytes((ram - last.unique).count());
      last.low = *bytes(last.unique.count());
      last.high = *bytes();
      points.push_back(last);
    }
    return points;
  });
}

rc::Gen<DirtyPoint> dirty_point() {
  return rc::gen::exec([] { return DirtyPoint{*seconds(), *bytes(), *bytes(), *bytes()}; });
}

rc::Gen<DirtySource> dirty_source() {
  return rc::gen::element(DirtySource::kContentHash, DirtySource::kRehearsal);
}

rc::Gen<SourcedCurve> sourced_curve(Bytes ram) {
  return rc::gen::exec([ram] { return SourcedCurve{*dirty_source(), *text(), *curve(ram)}; });
}

rc::Gen<PageContents> contents() {
  return rc::gen::exec([] {
    return PageContents{PageCount(*up_to(1 << 20)), *ratio(), *ratio(), *seconds(), *seconds(),
                        8 * (*ratio()).value()};
  });
}

rc::Gen<PageChange> change() {
  return rc::gen::exec([] {
    return PageChange{PageCount(*up_to(1 << 20)), *ratio(), *bytes(), *ratio()};
  });
}

rc::Gen<WriteTrace> write_trace() {
  return rc::gen::exec([] {
    WriteTrace trace;
    trace.slot = Seconds(0.125 * *rc::gen::inRange(1, 5));
    trace.slots = *rc::gen::inRange(1, 40);
    trace.changed =
        *rc::gen::container<std::vector<std::vector<bool>>>(rc::gen::container<std::vector<bool>>(
            static_cast<std::size_t>(trace.slots), rc::gen::arbitrary<bool>()));
    trace.pages = PageCount(static_cast<std::int64_t>(trace.changed.size()) + *up_to(100));
    return trace;
  });
}

rc::Gen<DiskProfile> disk_profile() {
  return rc::gen::exec([] {
    DiskProfile disk{*text(), *bytes(), *maybe(bytes()), {}};
    if (*rc::gen::arbitrary<bool>()) {
      DiskWrites writes{Bytes(1 + *up_to(1 << 20)), *seconds(), {}};
      const int classes = *rc::gen::inRange(0, 4);
      for (int i = 0; i < classes; ++i) writes.classes.push_back({*number(), *number()});
      disk.writes = std::move(writes);
    }
    return disk;
  });
}

rc::Gen<GuestProfile> profile() {
  return rc::gen::exec([] {
    GuestProfile p;
    p.vm = *text();
    p.ram = *bytes();
    p.page_size = PageSize(std::int64_t{1} << *rc::gen::inRange(9, 31));
    p.zero_share = *ratio();
    p.observed = *seconds();
    p.sampled_pages = PageCount(*up_to(std::int64_t{1} << 50));
    p.source = *dirty_source();
    p.blind_spot = *text();
    p.dirty_curve = *curve(p.ram);
    p.other_curves = *rc::gen::resize(3, some(sourced_curve(p.ram)));
    p.dirty_series = *some(dirty_point());
    p.write_trace = *maybe(rc::gen::resize(5, write_trace()));
    p.vcpus = *maybe(rc::gen::inRange(0, 65537));
    p.host_cpus = *maybe(rc::gen::inRange(0, 65537));
    p.duplicate_share = *maybe(ratio());
    p.changed_to_zero_share = *maybe(ratio());
    p.contents = *maybe(contents());
    p.changed_contents = *maybe(contents());
    p.end_contents = *maybe(contents());
    p.change = *maybe(change());
    p.vcpu_use = *maybe(number());
    p.disks = *rc::gen::resize(3, some(disk_profile()));
    p.accelerator = *maybe(text());
    p.qemu_version = *maybe(text());
    return p;
  });
}

rc::Gen<PredictedRound> predicted_round() {
  return rc::gen::exec([] { return PredictedRound{*seconds(), *bytes(), *bytes()}; });
}

rc::Gen<Hump> hump() {
  return rc::gen::exec([] {
    const Seconds total = *seconds();
    return Hump{*ratio(), {total, total, total}};
  });
}

rc::Gen<StoragePrediction> storage_prediction() {
  return rc::gen::exec([] {
    const Interval<Seconds> time{*seconds(), *seconds(), *seconds()};
    return StoragePrediction{*ratio(), time, time, time, time, {*bytes(), *bytes(), *bytes()}};
  });
}

rc::Gen<TechniquePrediction> technique_prediction() {
  return rc::gen::exec([] {
    TechniquePrediction p;
    p.technique = *technique();
    p.parameters = *parameters();
    p.grounded = *rc::gen::arbitrary<bool>();
    p.converges = p.grounded && *rc::gen::arbitrary<bool>();
    p.converges_probability = *maybe(ratio());
    p.why = *text();
    p.model = *text();
    p.total_time = *maybe_interval(seconds());
    p.humps = *some(hump());
    p.downtime.qemu = *maybe_interval(seconds());
    p.downtime.events = *maybe_interval(seconds());
    p.downtime.probe = *maybe_interval(seconds());
    p.transferred = *maybe_interval(bytes());
    p.slowdown = *maybe_interval(ratio());
    p.storage = *maybe(storage_prediction());
    p.agility = *maybe_interval(ratio());
    p.rounds = *some(predicted_round());
    return p;
  });
}

rc::Gen<Advice> advice() {
  return rc::gen::exec([] { return Advice{*technique(), *parameters(), *text()}; });
}

rc::Gen<Prediction> prediction() {
  return rc::gen::exec([] {
    return Prediction{*rc::gen::resize(3, some(technique_prediction())), *maybe(advice())};
  });
}

rc::Gen<RoundRecord> round_record() {
  return rc::gen::exec([] {
    return RoundRecord{*rc::gen::inRange(0, 1'000'001),
                       *seconds(),
                       *seconds(),
                       *bytes(),
                       *maybe(bytes()),
                       *maybe(bytes()),
                       *some(ratio())};
  });
}

rc::Gen<AppliedOrder> applied_order() {
  return rc::gen::exec([] {
    Order order{
        *maybe(seconds()),           *maybe(rate()), *maybe(ratio()), *rc::gen::arbitrary<bool>(),
        *rc::gen::arbitrary<bool>(), *text()};
    return AppliedOrder{*rc::gen::inRange(0, 1'000'001), *seconds(), std::move(order), *text()};
  });
}

rc::Gen<StorageOutcome> storage_outcome() {
  return rc::gen::exec([] {
    return StorageOutcome{*rc::gen::inRange(0, 65537), *bytes(), *maybe(seconds()),
                          *maybe(seconds())};
  });
}

rc::Gen<MigrationOutcome> outcome() {
  return rc::gen::exec([] {
    MigrationOutcome o;
    o.status = *rc::gen::element(OutcomeStatus::kCompleted, OutcomeStatus::kCancelled,
                                 OutcomeStatus::kFailed, OutcomeStatus::kDidNotConverge);
    o.vm_runs_on = *rc::gen::element(VmRunsOn::kSource, VmRunsOn::kDestination,
                                     VmRunsOn::kBothPaused, VmRunsOn::kUnknown);
    o.reason = *text();
    o.technique = *technique();
    o.requested = Requested{*text(), *text()};
    o.parameters = *parameters();
    o.total_time = *maybe(seconds());
    o.downtime = Downtime{*maybe(seconds()), *maybe(seconds()), *maybe(seconds())};
    o.transferred = TransferredBytes{*maybe(bytes()), *maybe(bytes())};
    o.rounds = *some(round_record());
    o.guest = GuestOutcome{*maybe(ratio()), *maybe(seconds()), *maybe(rc::gen::arbitrary<bool>()),
                           *text()};
    o.storage = *maybe(storage_outcome());
    o.technique.storage = o.storage.has_value();
    o.started_wall_us = *wall_us();
    o.remarks = *some(text());
    o.orders = *some(applied_order());
    o.postcopy_standstill = *maybe(seconds());
    o.given_back = *maybe(rc::gen::arbitrary<bool>());
    o.destination_usable = *maybe(rc::gen::arbitrary<bool>());
    return o;
  });
}

rc::Gen<OutcomeRecord> record() {
  return rc::gen::exec([] {
    OutcomeRecord r;
    r.id = *rc::gen::arbitrary<std::int64_t>();
    r.source = *text();
    r.destination = *text();
    r.link = *maybe(link());
    r.profile = *maybe(profile());
    r.predicted = *maybe(prediction());
    r.outcome = *outcome();
    return r;
  });
}

rc::Gen<MigrationSettings> migration_settings() {
  return rc::gen::exec([] {
    const auto on = *some(rc::gen::element(Capability::kEvents, Capability::kXbzrle,
                                           Capability::kMultifd, Capability::kSwitchoverAck));
    return MigrationSettings{CapabilitySet(on.begin(), on.end()), *parameters()};
  });
}

rc::Gen<Lease> lease() {
  return rc::gen::exec([] { return Lease{*migration_settings(), *migration_settings()}; });
}

rc::Gen<LentCpu> lent_cpu() {
  return rc::gen::exec([] {
    LentCpu lent{*rc::gen::nonZero<std::int64_t>(),
                 *rc::gen::nonZero<std::int64_t>(),
                 *rc::gen::element(CgroupVersion::kV1, CgroupVersion::kV2),
                 *text(),
                 {}};
    if (*rc::gen::arbitrary<bool>()) lent.homes.push_back({*text(), *rc::gen::arbitrary<bool>()});
    return lent;
  });
}

rc::Gen<JournalEntry> journal_entry() {
  return rc::gen::exec([] {
    const auto number = rc::gen::nonZero<std::int64_t>();
    JournalEntry entry;
    entry.source = *text();
    entry.destination = *text();
    for (std::int64_t* one :
         {&entry.source_pid, &entry.source_started, &entry.destination_pid,
          &entry.destination_started, &entry.writer_pid, &entry.writer_started}) {
      *one = *number;
    }
    for (std::string* one :
         {&entry.source_identity, &entry.destination_identity, &entry.writer_world}) {
      *one = *text();
    }
    entry.id = *rc::gen::nonEmpty(text());
    entry.step = *rc::gen::element<std::string>("preparing", "migrating", "postcopy");
    entry.wall_us = *wall_us();
    entry.source_lease = *maybe(lease());
    entry.destination_lease = *maybe(lease());
    entry.source_cpu = *maybe(lent_cpu());
    return entry;
  });
}

}  // namespace godwit::generate
