#include "godwit/codec/codec.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "disk_profile_codec.h"
#include "godwit/base/json_reader.h"
#include "write_trace_codec.h"

namespace godwit {
namespace {

// --- writing: absent values become null, so that a reader sees what was not measured ---

template <class T, class Write>
Json maybe(const std::optional<T>& value, Write write) {
  return value ? Json(write(*value)) : Json(nullptr);
}

double in_seconds(Seconds value) {
  return value.count();
}
/// To a nanosecond: nothing here is known any better, and what is written reads back the same.
double in_ms(Seconds value) {
  return std::round(value.count() * 1e9) / 1e6;
}
std::int64_t in_bytes(Bytes value) {
  return value.count();
}
double in_rate(BytesPerSecond value) {
  return value.value();
}
double in_ratio(Ratio value) {
  return value.value();
}

template <class T, class Write>
Json interval(const Interval<T>& value, Write write) {
  return Json{{"p50", write(value.p50)}, {"p05", write(value.p05)}, {"p95", write(value.p95)}};
}

template <class T, class Write>
Json maybe_interval(const std::optional<Interval<T>>& value, Write write) {
  if (value) return interval(*value, write);
  return Json{{"p50", nullptr}, {"p05", nullptr}, {"p95", nullptr}};
}

// --- reading ---

template <class T, class Read>
std::optional<Interval<T>> read_interval(JsonReader& parent, std::string_view key, Read read) {
  const Json* json = parent.find(key);
  if (json == nullptr) return std::nullopt;
  JsonReader in(*json, parent.path_of(key));
  const std::optional<T> p50 = read(in, "p50");
  const std::optional<T> p05 = read(in, "p05");
  const std::optional<T> p95 = read(in, "p95");
  if (in.error()) parent.adopt(*in.error());
  if (in.error() || !p50) return std::nullopt;
  return Interval<T>{*p50, p05.value_or(*p50), p95.value_or(*p50)};
}

std::optional<Seconds> seconds_value(JsonReader& in, std::string_view key) {
  return in.maybe_seconds(key);
}
std::optional<Seconds> ms_value(JsonReader& in, std::string_view key) {
  return in.maybe_milliseconds(key);
}
std::optional<Bytes> bytes_value(JsonReader& in, std::string_view key) {
  return in.maybe_bytes(key);
}
std::optional<Ratio> ratio_value(JsonReader& in, std::string_view key) {
  return in.maybe_ratio(key);
}

/// A name from one of domain's tables; an unknown one is an error.
template <class Lookup>
auto read_name(JsonReader& in, std::string_view key, Lookup lookup) {
  const std::string name = in.text(key);
  const auto value = lookup(name);
  if (!value) in.reject(key, fmt::format("has the unknown value '{}'", name));
  return value.value_or(typename decltype(value)::value_type{});
}

Technique read_technique(JsonReader& in) {
  const std::string name = in.text("technique");
  const auto technique = parse_technique(name);
  if (!technique) in.reject("technique", fmt::format("has the unknown value '{}'", name));
  return technique ? *technique : Technique();
}

/// Decodes a member with its own decoder.
template <class T>
T read_member(JsonReader& in, std::string_view key, Result<T> (*decode)(const Json&)) {
  const Json* json = in.require(key);
  if (json == nullptr) return T{};
  auto value = decode(*json);
  if (!value) in.adopt(value.error().while_doing(in.path_of(key)));
  return value ? std::move(*value) : T{};
}
template <class T>
std::optional<T> read_optional_member(JsonReader& in, std::string_view key,
                                      Result<T> (*decode)(const Json&)) {
  if (in.find(key) == nullptr) return std::nullopt;
  return read_member(in, key, decode);
}

/// Decodes each element of an array member.
template <class Each>
auto read_array(JsonReader& in, std::string_view key, Each each) {
  std::vector<decltype(each(std::declval<JsonReader&>()))> values;
  const Json* array = in.array(key);
  if (array == nullptr) return values;
  for (std::size_t i = 0; i < array->size() && !in.error(); ++i) {
    JsonReader element((*array)[i], fmt::format("{}[{}]", in.path_of(key), i));
    values.push_back(each(element));
    if (element.error()) in.adopt(*element.error());
  }
  return values;
}

template <class T>
Result<T> finish(JsonReader& in, T value) {
  if (in.error()) return fail(*in.error());
  return value;
}

std::optional<int> small_int(JsonReader& in, std::string_view key, int most) {
  const auto value = in.maybe_integer(key);
  if (!value) return std::nullopt;
  if (*value < 0 || *value > most) {
    in.reject(key, "is out of range");
    return std::nullopt;
  }
  return static_cast<int>(*value);
}

PageCount read_pages(JsonReader& in, std::string_view key) {
  const std::int64_t pages = in.maybe_integer(key).value_or(0);
  if (pages < 0) in.reject(key, "is negative");
  return PageCount(pages);
}

// --- dirty points ---

Json to_json(const DirtyPoint& point) {
  return Json{{"window_s", point.window.count()},
              {"unique_bytes", point.unique.count()},
              {"low_bytes", point.low.count()},
              {"high_bytes", point.high.count()}};
}

DirtyPoint read_dirty_point(JsonReader& in) {
  DirtyPoint point;
  point.window = in.seconds("window_s");
  point.unique = in.bytes("unique_bytes");
  point.low = in.maybe_bytes("low_bytes").value_or(point.unique);
  point.high = in.maybe_bytes("high_bytes").value_or(point.unique);
  return point;
}

Json to_json(const PredictedRound& round);
Json to_json(const Hump& hump);
Json to_json(const Weighed& weighed);
Json to_json(const SourcedCurve& curve);

template <class T>
Json array_of(const std::vector<T>& values) {
  Json array = Json::array();
  for (const T& value : values) array.push_back(to_json(value));
  return array;
}

Json numbers_of(const std::vector<Ratio>& shares) {
  Json array = Json::array();
  for (const Ratio share : shares) array.push_back(share.value());
  return array;
}

std::vector<Ratio> read_shares(const Json& json, std::string_view key, JsonReader& in) {
  constexpr std::size_t kMostShares = 4096;
  std::vector<Ratio> shares;
  if (!json.is_array() || json.size() > kMostShares) {
    in.reject(key, "is no list of shares");
    return shares;
  }
  for (const Json& one : json) {
    const double share = one.is_number() ? one.get<double>() : -1;
    if (!(share >= 0 && share <= 1)) in.reject(key, "has a share that is none");
    shares.emplace_back(share);
  }
  return shares;
}

/// A curve must rise: windows strictly, unique bytes weakly, all within RAM.
void check_curve(JsonReader& in, std::string_view key, const std::vector<DirtyPoint>& curve,
                 Bytes ram) {
  const DirtyPoint* before = nullptr;
  for (const DirtyPoint& point : curve) {
    if (point.window <= Seconds(0) || point.unique > ram) {
      in.reject(key, "has a point outside the guest's RAM or with an empty window");
    }
    if (before != nullptr && (point.window <= before->window || point.unique < before->unique)) {
      in.reject(key, "does not rise");
    }
    before = &point;
  }
}

Json to_json(const SourcedCurve& curve) {
  return Json{{"source", to_string(curve.source)},
              {"blind_spot", curve.blind_spot},
              {"dirty_curve", array_of(curve.points)}};
}

}  // namespace

namespace {
Json json_of(const PageContents& contents) {
  return Json{{"sampled_pages", contents.sampled.count()},
              {"zlib_ratio", contents.zlib.value()},
              {"zstd_ratio", contents.zstd.value()},
              {"zlib_page_s", contents.zlib_per_page.count()},
              {"zstd_page_s", contents.zstd_per_page.count()},
              {"entropy_bits", contents.entropy_bits},
              {"in_runs", contents.in_runs}};
}
Json json_of(const PageChange& change) {
  return Json{{"sampled_changes", change.sampled.count()},
              {"modified_word_share", change.modified_words.value()},
              {"xbzrle_bytes", change.xbzrle.count()},
              {"xbzrle_overflow_share", change.xbzrle_overflow.value()}};
}

Result<PageContents> contents_from_json(const Json& json) {
  JsonReader in(json, "profile.contents");
  PageContents contents;
  contents.sampled = read_pages(in, "sampled_pages");
  contents.zlib = in.ratio("zlib_ratio");
  contents.zstd = in.ratio("zstd_ratio");
  contents.zlib_per_page = in.seconds("zlib_page_s");
  contents.zstd_per_page = in.seconds("zstd_page_s");
  contents.entropy_bits = in.number("entropy_bits");
  contents.in_runs = in.maybe_boolean("in_runs").value_or(false);
  if (contents.entropy_bits < 0 || contents.entropy_bits > 8) {
    in.reject("entropy_bits", "is not within 0...8");
  }
  return finish(in, contents);
}
Json json_of(const Activity& activity) {
  const auto as_is = [](double v) { return v; };
  return Json{{"disk_read_bytes_per_s", maybe(activity.disk_read, in_rate)},
              {"disk_written_bytes_per_s", maybe(activity.disk_written, in_rate)},
              {"net_sent_bytes_per_s", maybe(activity.net_sent, in_rate)},
              {"net_received_bytes_per_s", maybe(activity.net_received, in_rate)},
              {"instructions_per_s", maybe(activity.instructions, as_is)},
              {"cache_misses_per_s", maybe(activity.cache_misses, as_is)}};
}
void read_activity(const Json& json, JsonReader& outer, Activity& activity) {
  JsonReader in(json, outer.path_of("activity"));
  activity.disk_read = in.maybe_rate("disk_read_bytes_per_s");
  activity.disk_written = in.maybe_rate("disk_written_bytes_per_s");
  activity.net_sent = in.maybe_rate("net_sent_bytes_per_s");
  activity.net_received = in.maybe_rate("net_received_bytes_per_s");
  activity.instructions = in.maybe_number("instructions_per_s");
  activity.cache_misses = in.maybe_number("cache_misses_per_s");
  if (activity.instructions.value_or(0) < 0) in.reject("instructions_per_s", "is negative");
  if (activity.cache_misses.value_or(0) < 0) in.reject("cache_misses_per_s", "is negative");
  if (in.error()) outer.adopt(*in.error());
}
Result<PageChange> change_from_json(const Json& json) {
  JsonReader in(json, "profile.change");
  PageChange change;
  change.sampled = read_pages(in, "sampled_changes");
  change.modified_words = in.ratio("modified_word_share");
  change.xbzrle = in.bytes("xbzrle_bytes");
  change.xbzrle_overflow = in.ratio("xbzrle_overflow_share");
  return finish(in, change);
}
}  // namespace

Json to_json(const GuestProfile& profile) {
  return Json{
      {"vm", profile.vm},
      {"ram_bytes", profile.ram.count()},
      {"page_size_bytes", profile.page_size.bytes().count()},
      {"zero_share", profile.zero_share.value()},
      {"data_by_part", numbers_of(profile.data_by_part)},
      {"observed_s", profile.observed.count()},
      {"sampled_pages", profile.sampled_pages.count()},
      {"source", to_string(profile.source)},
      {"blind_spot", profile.blind_spot},
      {"dirty_curve", array_of(profile.dirty_curve)},
      {"other_curves", array_of(profile.other_curves)},
      {"dirty_series", array_of(profile.dirty_series)},
      {"write_trace", maybe(profile.write_trace, [](auto& t) { return to_json(t); })},
      {"duplicate_share", maybe(profile.duplicate_share, in_ratio)},
      {"changed_to_zero_share", maybe(profile.changed_to_zero_share, in_ratio)},
      {"contents", maybe(profile.contents, [](auto& c) { return json_of(c); })},
      {"changed_contents", maybe(profile.changed_contents, [](auto& c) { return json_of(c); })},
      {"end_contents", maybe(profile.end_contents, [](auto& c) { return json_of(c); })},
      {"change", maybe(profile.change, [](auto& c) { return json_of(c); })},
      {"vcpus", maybe(profile.vcpus, [](int n) { return n; })},
      {"host_cpus", maybe(profile.host_cpus, [](int n) { return n; })},
      {"vcpu_use", maybe(profile.vcpu_use, [](double v) { return v; })},
      {"activity", json_of(profile.activity)},
      {"disks", array_of(profile.disks)},
      {"accelerator", maybe(profile.accelerator, [](auto& s) { return s; })},
      {"qemu_version", maybe(profile.qemu_version, [](auto& s) { return s; })}};
}

namespace {
SourcedCurve read_sourced_curve(JsonReader& in, Bytes ram) {
  SourcedCurve curve;
  curve.source = read_name(in, "source", dirty_source_from_string);
  curve.blind_spot = in.maybe_text("blind_spot").value_or("");
  curve.points = read_array(in, "dirty_curve", read_dirty_point);
  check_curve(in, "dirty_curve", curve.points, ram);
  return curve;
}

std::vector<DiskProfile> read_disks(JsonReader& in) {
  std::vector<DiskProfile> disks;
  const Json* array = in.array("disks");
  for (std::size_t i = 0; array != nullptr && i < array->size() && !in.error(); ++i) {
    auto disk = disk_profile_from_json((*array)[i]);
    if (!disk) in.adopt(disk.error().while_doing(fmt::format("disks[{}]", i)));
    if (disk) disks.push_back(std::move(*disk));
  }
  return disks;
}
}  // namespace

Result<GuestProfile> profile_from_json(const Json& json) {
  JsonReader in(json, "profile");
  GuestProfile profile;
  profile.vm = in.text("vm");
  profile.ram = in.bytes("ram_bytes");
  const std::int64_t page = in.integer("page_size_bytes");
  if (page < 512 || page > (1LL << 30) || (page & (page - 1)) != 0) {
    in.reject("page_size_bytes", "is no page size");
  } else {
    profile.page_size = PageSize(page);
  }
  profile.zero_share = in.ratio("zero_share");
  if (const Json* parts = in.find("data_by_part")) {
    profile.data_by_part = read_shares(*parts, "data_by_part", in);
  }
  profile.observed = in.seconds("observed_s");
  profile.sampled_pages = read_pages(in, "sampled_pages");
  profile.source = read_name(in, "source", dirty_source_from_string);
  profile.blind_spot = in.maybe_text("blind_spot").value_or("");
  profile.dirty_curve = read_array(in, "dirty_curve", read_dirty_point);
  if (in.find("other_curves") != nullptr) {  // since the rehearsal
    profile.other_curves = read_array(in, "other_curves", [&profile](JsonReader& one) {
      return read_sourced_curve(one, profile.ram);
    });
  }
  if (in.find("dirty_series") != nullptr) {
    profile.dirty_series = read_array(in, "dirty_series", read_dirty_point);
  }
  profile.write_trace = read_optional_member(in, "write_trace", write_trace_from_json);
  profile.duplicate_share = in.maybe_ratio("duplicate_share");
  profile.changed_to_zero_share = in.maybe_ratio("changed_to_zero_share");
  profile.contents = read_optional_member(in, "contents", contents_from_json);
  profile.changed_contents = read_optional_member(in, "changed_contents", contents_from_json);
  profile.end_contents = read_optional_member(in, "end_contents", contents_from_json);
  profile.change = read_optional_member(in, "change", change_from_json);
  profile.vcpus = small_int(in, "vcpus", 65536);
  profile.host_cpus = small_int(in, "host_cpus", 65536);
  profile.vcpu_use = in.maybe_number("vcpu_use");
  if (profile.vcpu_use.value_or(0) < 0) in.reject("vcpu_use", "is negative");
  if (const Json* activity = in.find("activity")) read_activity(*activity, in, profile.activity);
  if (in.find("disks") != nullptr) profile.disks = read_disks(in);
  profile.accelerator = in.maybe_text("accelerator");
  profile.qemu_version = in.maybe_text("qemu_version");
  check_curve(in, "dirty_curve", profile.dirty_curve, profile.ram);
  return finish(in, std::move(profile));
}

Json to_json(const MigrationParameters& p) {
  Json json = Json::object();
  const auto add = [&json](const char* key, const auto& value, auto write) {
    if (value) json[key] = write(*value);
  };
  const auto as_is = [](const auto& v) { return v; };
  add("max_bandwidth_bytes_per_s", p.max_bandwidth, in_rate);
  add("max_postcopy_bandwidth_bytes_per_s", p.max_postcopy_bandwidth, in_rate);
  add("avail_switchover_bandwidth_bytes_per_s", p.avail_switchover_bandwidth, in_rate);
  add("downtime_limit_ms", p.downtime_limit, in_ms);
  add("xbzrle_cache_bytes", p.xbzrle_cache, in_bytes);
  add("multifd_channels", p.multifd_channels, as_is);
  add("multifd_compression", p.multifd_compression, as_is);
  add("throttle_initial_percent", p.throttle_initial_percent, as_is);
  add("throttle_increment_percent", p.throttle_increment_percent, as_is);
  add("max_throttle_percent", p.max_throttle_percent, as_is);
  add("precopy_share", p.precopy_share, in_ratio);
  add("precopy_storage", p.precopy_storage, in_ratio);
  add("postcopy_preempt", p.postcopy_preempt, as_is);
  return json;
}

Result<MigrationParameters> parameters_from_json(const Json& json) {
  JsonReader in(json, "parameters");
  MigrationParameters p;
  p.max_bandwidth = in.maybe_rate("max_bandwidth_bytes_per_s");
  p.max_postcopy_bandwidth = in.maybe_rate("max_postcopy_bandwidth_bytes_per_s");
  p.avail_switchover_bandwidth = in.maybe_rate("avail_switchover_bandwidth_bytes_per_s");
  p.downtime_limit = in.maybe_seconds("downtime_limit_ms");
  p.xbzrle_cache = in.maybe_bytes("xbzrle_cache_bytes");
  p.multifd_channels = small_int(in, "multifd_channels", 255);
  p.multifd_compression = in.maybe_text("multifd_compression");
  p.throttle_initial_percent = small_int(in, "throttle_initial_percent", 99);
  p.throttle_increment_percent = small_int(in, "throttle_increment_percent", 99);
  p.max_throttle_percent = small_int(in, "max_throttle_percent", 99);
  p.precopy_share = in.maybe_ratio("precopy_share");
  p.precopy_storage = in.maybe_ratio("precopy_storage");
  p.postcopy_preempt = in.maybe_boolean("postcopy_preempt");
  return finish(in, std::move(p));
}

namespace {

Json to_json(const PredictedRound& round) {
  return Json{{"duration_s", round.duration.count()},
              {"sent_bytes", round.sent.count()},
              {"left_bytes", round.dirtied.count()}};
}

Json to_json(const Hump& hump) {
  return Json{{"share", hump.share.value()},
              {"total_time_s", interval(hump.total_time, in_seconds)}};
}

Hump read_hump(JsonReader& in) {
  Hump hump;
  hump.share = in.ratio("share");
  const auto total = read_interval<Seconds>(in, "total_time_s", seconds_value);
  if (!total) in.reject("total_time_s", "is missing");
  hump.total_time = total.value_or(Interval<Seconds>());
  return hump;
}

Json to_json(const StoragePrediction& storage) {
  return Json{{"precopy_share", storage.share.value()},
              {"ready_after_s", interval(storage.ready_after, in_seconds)},
              {"runs_there_after_s", interval(storage.runs_there_after, in_seconds)},
              {"independent_after_s", interval(storage.independent_after, in_seconds)},
              {"done_after_s", interval(storage.done_after, in_seconds)},
              {"copied_bytes", interval(storage.copied, in_bytes)}};
}

Result<StoragePrediction> storage_prediction_from_json(const Json& json) {
  JsonReader in(json, "storage");
  StoragePrediction storage;
  storage.share = in.ratio("precopy_share");
  const auto read = [&in](std::string_view key, Interval<Seconds>& into) {
    const auto value = read_interval<Seconds>(in, key, seconds_value);
    if (!value) in.reject(key, "is missing");
    into = value.value_or(Interval<Seconds>());
  };
  read("ready_after_s", storage.ready_after);
  read("runs_there_after_s", storage.runs_there_after);
  read("independent_after_s", storage.independent_after);
  read("done_after_s", storage.done_after);
  storage.copied =
      read_interval<Bytes>(in, "copied_bytes", bytes_value).value_or(Interval<Bytes>());
  return finish(in, storage);
}

PredictedRound read_predicted_round(JsonReader& in) {
  PredictedRound round;
  round.duration = in.seconds("duration_s");
  round.sent = in.bytes("sent_bytes");
  round.dirtied = in.bytes("left_bytes");
  return round;
}

Result<TechniquePrediction> technique_prediction_from_json(const Json& json) {
  JsonReader in(json, "prediction");
  TechniquePrediction p;
  p.technique = read_technique(in);
  p.parameters = read_member(in, "parameters", parameters_from_json);
  p.grounded = !in.is_null("converges");
  if (p.grounded) p.converges = in.boolean("converges");
  p.converges_probability = in.maybe_ratio("converges_probability");
  p.why = in.maybe_text("why").value_or("");
  p.model = in.maybe_text("model").value_or("");
  p.total_time = read_interval<Seconds>(in, "total_time_s", seconds_value);
  if (in.find("humps") != nullptr) p.humps = read_array(in, "humps", read_hump);
  if (const Json* downtime = in.find("downtime_ms")) {
    JsonReader kinds(*downtime, in.path_of("downtime_ms"));
    p.downtime.qemu = read_interval<Seconds>(kinds, "qemu", ms_value);
    p.downtime.events = read_interval<Seconds>(kinds, "events", ms_value);
    p.downtime.probe = read_interval<Seconds>(kinds, "probe", ms_value);
    if (kinds.error()) in.adopt(*kinds.error());
  }
  p.transferred = read_interval<Bytes>(in, "transferred_bytes", bytes_value);
  p.slowdown = read_interval<Ratio>(in, "slowdown", ratio_value);
  p.host_cpu = read_interval<Seconds>(in, "host_cpu_s", seconds_value);
  p.storage = read_optional_member(in, "storage", storage_prediction_from_json);
  p.agility = read_interval<Ratio>(in, "agility", ratio_value);
  if (in.find("rounds") != nullptr) p.rounds = read_array(in, "rounds", read_predicted_round);
  return finish(in, std::move(p));
}

}  // namespace

Json to_json(const TechniquePrediction& p) {
  return Json{{"technique", to_string(p.technique)},
              {"parameters", to_json(p.parameters)},
              {"converges", p.grounded ? Json(p.converges) : Json(nullptr)},
              {"converges_probability", maybe(p.converges_probability, in_ratio)},
              {"why", p.why},
              {"model", p.model},
              {"total_time_s", maybe_interval(p.total_time, in_seconds)},
              {"humps", array_of(p.humps)},
              {"downtime_ms",
               {{"qemu", maybe_interval(p.downtime.qemu, in_ms)},
                {"events", maybe_interval(p.downtime.events, in_ms)},
                {"probe", maybe_interval(p.downtime.probe, in_ms)}}},
              {"transferred_bytes", maybe_interval(p.transferred, in_bytes)},
              {"slowdown", maybe_interval(p.slowdown, in_ratio)},
              {"host_cpu_s", maybe_interval(p.host_cpu, in_seconds)},
              {"storage", maybe(p.storage, [](auto& value) { return to_json(value); })},
              {"agility", maybe_interval(p.agility, in_ratio)},
              {"rounds", array_of(p.rounds)}};
}

Json to_json(const Prediction& prediction) {
  Json advice = nullptr;
  if (prediction.advice) {
    advice = Json{{"technique", to_string(prediction.advice->technique)},
                  {"parameters", to_json(prediction.advice->parameters)},
                  {"why", prediction.advice->why}};
  }
  return Json{{"predictions", array_of(prediction.predictions)}, {"advice", std::move(advice)}};
}

Result<Prediction> prediction_from_json(const Json& json) {
  JsonReader in(json, "predicted");
  Prediction prediction;
  if (const Json* all = in.array("predictions")) {
    for (std::size_t i = 0; i < all->size(); ++i) {
      auto decoded = technique_prediction_from_json((*all)[i]);
      if (!decoded) {
        in.adopt(decoded.error().while_doing(fmt::format("predictions[{}]", i)));
        break;
      }
      prediction.predictions.push_back(std::move(*decoded));
    }
  }
  if (const Json* json_advice = in.find("advice")) {
    JsonReader advice(*json_advice, in.path_of("advice"));
    Advice value;
    value.technique = read_technique(advice);
    value.parameters = read_member(advice, "parameters", parameters_from_json);
    value.why = advice.maybe_text("why").value_or("");
    if (advice.error()) in.adopt(*advice.error());
    prediction.advice = std::move(value);
  }
  return finish(in, std::move(prediction));
}

Json to_json(const EndForecast& forecast) {
  return Json{{"eta_s", maybe_interval(forecast.eta, in_seconds)},
              {"ends_probability", maybe(forecast.ends, in_ratio)}};
}

Json to_json(const RoundRecord& round) {
  Json object{{"number", round.number},
              {"started_s", round.started.count()},
              {"duration_s", round.duration.count()},
              {"sent_bytes", round.sent.count()},
              {"left_bytes", maybe(round.left, in_bytes)},
              {"dirtied_bytes", maybe(round.dirtied, in_bytes)},
              {"eta_s", maybe_interval(round.then.eta, in_seconds)},
              {"ends_probability", maybe(round.then.ends, in_ratio)}};
  if (!round.vcpu_used.empty()) object["vcpu_used"] = numbers_of(round.vcpu_used);
  return object;
}

namespace {

RoundRecord read_round(JsonReader& in) {
  RoundRecord round;
  if (in.require("number") != nullptr) {
    round.number = small_int(in, "number", 1'000'000'000).value_or(0);
  }
  round.started = in.seconds("started_s");
  round.duration = in.seconds("duration_s");
  round.sent = in.bytes("sent_bytes");
  round.left = in.maybe_bytes("left_bytes");
  round.dirtied = in.maybe_bytes("dirtied_bytes");
  if (const Json* used = in.find("vcpu_used"))
    round.vcpu_used = read_shares(*used, "vcpu_used", in);
  round.then.eta = read_interval<Seconds>(in, "eta_s", seconds_value);
  round.then.ends = in.maybe_ratio("ends_probability");
  return round;
}

Json to_json(const Weighed& weighed) {
  return Json{{"downtime_limit_ms", in_ms(weighed.downtime_limit)},
              {"cpu_quota", weighed.cpu_quota.value()},
              {"ends", weighed.ends},
              {"time_s", weighed.time.count()},
              {"downtime_ms", in_ms(weighed.downtime)}};
}

/// Only what is ordered.
Json to_json(const Order& order) {
  Json object = Json::object();
  if (order.downtime_limit) object["downtime_limit_ms"] = in_ms(*order.downtime_limit);
  if (order.max_bandwidth) object["max_bandwidth_bytes_per_s"] = in_rate(*order.max_bandwidth);
  if (order.cpu_quota) object["cpu_quota"] = in_ratio(*order.cpu_quota);
  if (order.switch_to_postcopy) object["switch_to_postcopy"] = true;
  if (order.give_up) object["give_up"] = true;
  return object;
}

}  // namespace

Json to_json(const AppliedOrder& applied) {
  return Json{{"round", applied.round},
              {"at_s", applied.at.count()},
              {"order", to_json(applied.order)},
              {"why", applied.order.why},
              {"weighed", array_of(applied.order.weighed)},
              {"accepted", applied.refused.empty()},
              {"refused", applied.refused}};
}

namespace {

void read_what_was_ordered(JsonReader& parent, Order& order) {
  const Json* json = parent.require("order");
  if (json == nullptr) return;
  JsonReader in(*json, parent.path_of("order"));
  order.downtime_limit = in.maybe_seconds("downtime_limit_ms");
  order.max_bandwidth = in.maybe_rate("max_bandwidth_bytes_per_s");
  order.cpu_quota = in.maybe_ratio("cpu_quota");
  order.switch_to_postcopy = in.maybe_boolean("switch_to_postcopy").value_or(false);
  order.give_up = in.maybe_boolean("give_up").value_or(false);
  if (in.error()) parent.adopt(*in.error());
}

Weighed read_weighed(JsonReader& in) {
  Weighed weighed;
  weighed.downtime_limit = in.seconds("downtime_limit_ms");
  weighed.cpu_quota = in.maybe_ratio("cpu_quota").value_or(Ratio(1));
  weighed.ends = in.maybe_boolean("ends").value_or(false);
  weighed.time = in.seconds("time_s");
  weighed.downtime = in.seconds("downtime_ms");
  return weighed;
}

AppliedOrder read_order(JsonReader& in) {
  AppliedOrder applied;
  if (in.require("round") != nullptr) {
    applied.round = small_int(in, "round", 1'000'000'000).value_or(0);
  }
  applied.at = in.seconds("at_s");
  read_what_was_ordered(in, applied.order);
  applied.order.why = in.maybe_text("why").value_or("");
  if (in.find("weighed") != nullptr) {
    applied.order.weighed = read_array(in, "weighed", read_weighed);
  }
  applied.refused = in.maybe_text("refused").value_or("");
  return applied;
}

Json to_json(const Downtime& downtime) {
  return Json{{"qemu", maybe(downtime.qemu, in_ms)},
              {"events", maybe(downtime.events, in_ms)},
              {"probe", maybe(downtime.probe, in_ms)}};
}

void read_downtime(JsonReader& parent, Downtime& downtime) {
  const Json* json = parent.require("downtime_ms");
  if (json == nullptr) return;
  JsonReader in(*json, parent.path_of("downtime_ms"));
  downtime.qemu = ms_value(in, "qemu");
  downtime.events = ms_value(in, "events");
  downtime.probe = ms_value(in, "probe");
  if (in.error()) parent.adopt(*in.error());
}

void read_transferred(JsonReader& parent, TransferredBytes& transferred) {
  const Json* json = parent.require("transferred_bytes");
  if (json == nullptr) return;
  JsonReader in(*json, parent.path_of("transferred_bytes"));
  transferred.qemu = in.maybe_bytes("qemu");
  transferred.wire = in.maybe_bytes("wire");
  if (in.error()) parent.adopt(*in.error());
}

void read_guest(JsonReader& parent, GuestOutcome& guest) {
  const Json* json = parent.require("guest");
  if (json == nullptr) return;
  JsonReader in(*json, parent.path_of("guest"));
  guest.slowdown = in.maybe_ratio("slowdown");
  guest.longest_gap = in.maybe_seconds("longest_gap_ms");
  guest.alive = in.maybe_boolean("alive");
  guest.evidence = in.maybe_text("evidence").value_or("");
  if (in.error()) parent.adopt(*in.error());
}

Json to_json(const Intent& intent) {
  return Json{{"max_downtime_ms", maybe(intent.max_downtime, in_ms)},
              {"max_time_s", maybe(intent.max_time, in_seconds)},
              {"max_slowdown", maybe(intent.max_slowdown, in_ratio)},
              {"max_bytes", maybe(intent.max_bytes, in_bytes)},
              {"confidence", in_ratio(intent.confidence)},
              {"no_postcopy", intent.no_postcopy},
              {"prefer", to_string(intent.prefer)}};
}

/// Nothing is wanted in outcomes of older versions.
void read_intent(JsonReader& parent, Intent& intent) {
  const Json* json = parent.find("intent");
  if (json == nullptr) return;
  JsonReader in(*json, parent.path_of("intent"));
  intent.max_downtime = in.maybe_milliseconds("max_downtime_ms");
  intent.max_time = in.maybe_seconds("max_time_s");
  intent.max_slowdown = in.maybe_ratio("max_slowdown");
  intent.max_bytes = in.maybe_bytes("max_bytes");
  intent.confidence = in.maybe_ratio("confidence").value_or(intent.confidence);
  intent.no_postcopy = in.maybe_boolean("no_postcopy").value_or(false);
  intent.prefer = read_name(in, "prefer", prefer_from_string);
  if (in.error()) parent.adopt(*in.error());
}

Json to_json(const Requested& requested) {
  return Json{{"technique", requested.technique},
              {"law", requested.law},
              {"observe_only", requested.observe_only},
              {"intent", to_json(requested.intent)}};
}

void read_requested(JsonReader& parent, Requested& requested) {
  const Json* json = parent.require("requested");
  if (json == nullptr) return;
  JsonReader in(*json, parent.path_of("requested"));
  requested.technique = in.text("technique");
  requested.law = in.maybe_text("law").value_or(std::string(kNoLaw));
  requested.observe_only = in.maybe_boolean("observe_only").value_or(false);
  read_intent(in, requested.intent);
  if (in.error()) parent.adopt(*in.error());
}

Json to_json(const StorageOutcome& storage) {
  return Json{{"disks", storage.disks},
              {"mirrored_bytes", storage.mirrored.count()},
              {"ready_after_s", maybe(storage.ready_after, in_seconds)},
              {"finish_ms", maybe(storage.finish, in_ms)},
              {"precopy_share", maybe(storage.precopy_share, in_ratio)},
              {"discarded_bytes", maybe(storage.discarded, in_bytes)},
              {"independent_after_s", maybe(storage.independent_after, in_seconds)}};
}

std::optional<StorageOutcome> read_storage(JsonReader& parent) {
  const Json* json = parent.find("storage");
  if (json == nullptr) return std::nullopt;
  JsonReader in(*json, parent.path_of("storage"));
  StorageOutcome storage;
  if (in.require("disks") != nullptr) storage.disks = small_int(in, "disks", 65536).value_or(0);
  storage.mirrored = in.bytes("mirrored_bytes");
  storage.ready_after = in.maybe_seconds("ready_after_s");
  storage.finish = in.maybe_seconds("finish_ms");
  storage.precopy_share = in.maybe_ratio("precopy_share");
  storage.discarded = in.maybe_bytes("discarded_bytes");
  storage.independent_after = in.maybe_seconds("independent_after_s");
  if (in.error()) parent.adopt(*in.error());
  return storage;
}

}  // namespace

Json to_json(const MigrationOutcome& o) {
  return Json{{"status", to_string(o.status)},
              {"vm_runs_on", to_string(o.vm_runs_on)},
              {"reason", o.reason},
              {"remarks", o.remarks},
              {"technique", to_string(o.technique)},
              {"requested", to_json(o.requested)},
              {"parameters", to_json(o.parameters)},
              {"started_at", iso8601(o.started_wall_us)},
              {"total_time_s", maybe(o.total_time, in_seconds)},
              {"downtime_ms", to_json(o.downtime)},
              {"transferred_bytes",
               {{"qemu", maybe(o.transferred.qemu, in_bytes)},
                {"wire", maybe(o.transferred.wire, in_bytes)}}},
              {"rounds", array_of(o.rounds)},
              {"orders", array_of(o.orders)},
              {"guest",
               {{"slowdown", maybe(o.guest.slowdown, in_ratio)},
                {"longest_gap_ms", maybe(o.guest.longest_gap, in_ms)},
                {"alive", maybe(o.guest.alive, [](bool b) { return b; })},
                {"evidence", o.guest.evidence}}},
              {"storage", maybe(o.storage, [](const auto& value) { return to_json(value); })},
              {"postcopy_standstill_ms", maybe(o.postcopy_standstill, in_ms)},
              {"given_back", maybe(o.given_back, [](bool b) { return b; })},
              {"destination_usable", maybe(o.destination_usable, [](bool b) { return b; })}};
}

std::vector<std::string> read_remarks(JsonReader& in) {
  std::vector<std::string> remarks;
  const Json* list = in.find("remarks") != nullptr ? in.array("remarks") : nullptr;
  if (list == nullptr) return remarks;
  for (const Json& one : *list) {
    if (!one.is_string()) {
      in.reject("remarks", "holds something else than texts");
      break;
    }
    remarks.push_back(one.get<std::string>());
  }
  return remarks;
}

Result<MigrationOutcome> outcome_from_json(const Json& json) {
  JsonReader in(json, "outcome");
  MigrationOutcome o;
  o.status = read_name(in, "status", outcome_status_from_string);
  o.vm_runs_on = read_name(in, "vm_runs_on", vm_runs_on_from_string);
  o.reason = in.maybe_text("reason").value_or("");
  o.technique = read_technique(in);
  read_requested(in, o.requested);
  o.parameters = read_member(in, "parameters", parameters_from_json);
  const auto started = parse_iso8601(in.text("started_at"));
  if (started) {
    o.started_wall_us = *started;
  } else {
    in.reject("started_at", started.error().message);
  }
  o.total_time = in.maybe_seconds("total_time_s");
  read_downtime(in, o.downtime);
  read_transferred(in, o.transferred);
  o.rounds = read_array(in, "rounds", read_round);
  if (in.find("orders") != nullptr) o.orders = read_array(in, "orders", read_order);
  read_guest(in, o.guest);
  o.storage = read_storage(in);
  o.remarks = read_remarks(in);
  o.postcopy_standstill = in.maybe_seconds("postcopy_standstill_ms");
  o.given_back = in.maybe_boolean("given_back");
  o.destination_usable = in.maybe_boolean("destination_usable");
  if (o.technique.storage != o.storage.has_value())
    in.reject("storage", "contradicts the technique");
  return finish(in, std::move(o));
}

namespace {

Json to_json(const Link& link) {
  return Json{{"rate_bytes_per_s", link.rate.value()},
              {"round_trip_ms", maybe(link.round_trip, in_ms)}};
}

Result<Link> link_from_json(const Json& json) {
  JsonReader in(json, "link");
  Link link;
  link.rate = in.rate("rate_bytes_per_s");
  link.round_trip = in.maybe_seconds("round_trip_ms");
  return finish(in, link);
}

}  // namespace

Json to_json(const OutcomeRecord& record) {
  const auto encode = [](const auto& value) { return to_json(value); };
  return Json{{"id", record.id},
              {"source", record.source},
              {"destination", record.destination},
              {"link", maybe(record.link, encode)},
              {"profile", maybe(record.profile, encode)},
              {"predicted", maybe(record.predicted, encode)},
              {"outcome", to_json(record.outcome)}};
}

Result<OutcomeRecord> record_from_json(const Json& json) {
  JsonReader in(json, "record");
  OutcomeRecord record;
  record.id = in.integer("id");
  record.source = in.text("source");
  record.destination = in.text("destination");
  record.link = read_optional_member(in, "link", link_from_json);
  record.profile = read_optional_member(in, "profile", profile_from_json);
  record.predicted = read_optional_member(in, "predicted", prediction_from_json);
  record.outcome = read_member(in, "outcome", outcome_from_json);
  return finish(in, std::move(record));
}

Json to_json(const Error& error) {
  return Json{{"error",
               {{"code", to_string(error.code)},
                {"message", error.message},
                {"what_to_do", error.what_to_do.text()}}}};
}

std::string iso8601(std::int64_t wall_us) {
  const std::int64_t micros = ((wall_us % 1'000'000) + 1'000'000) % 1'000'000;
  const auto seconds = static_cast<std::time_t>((wall_us - micros) / 1'000'000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, micros);
}

Result<std::int64_t> parse_iso8601(std::string_view text) {
  std::tm utc{};
  int micros = 0;
  int used = 0;
  const std::string copy(text);
  const int fields =
      std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%6dZ%n", &utc.tm_year, &utc.tm_mon,
                  &utc.tm_mday, &utc.tm_hour, &utc.tm_min, &utc.tm_sec, &micros, &used);
  const auto refused =
      fail(ErrorCode::kCorrupt,
           fmt::format("'{}' is no time like 2026-11-21T08:31:55.123456Z", text.substr(0, 40)));
  if (fields != 7 || used != 27 || micros < 0 || utc.tm_year < 1970) return refused;
  utc.tm_year -= 1900;
  utc.tm_mon -= 1;
  const std::int64_t wall_us = static_cast<std::int64_t>(timegm(&utc)) * 1'000'000 + micros;
  // sscanf and timegm forgive blanks, signs and a 31st of February; written back they show
  if (iso8601(wall_us) != text) return refused;
  return wall_us;
}

}  // namespace godwit
