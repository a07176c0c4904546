#include "godwit/dirtyrate/calc_dirty_rate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "godwit/base/json_reader.h"
#include "godwit/qmp/message.h"

namespace godwit::dirtyrate {
namespace {

constexpr const char* kBegin = "calc-dirty-rate";
constexpr const char* kQuestion = "query-dirty-rate";
constexpr const char* kUnit = "calc-time-unit";
constexpr const char* kMilliseconds = "millisecond";
/// MiB a second that no memory does: what is said beyond is no rate.
constexpr std::int64_t kMostRate = 1'000'000'000;
/// QEMU's clock has milliseconds.
constexpr Seconds kRounding{0.001};

Error taken_away() {
  return {ErrorCode::kBusy, "somebody else has QEMU count dirtied pages at the same time",
          "let that end, or don't profile the VM meanwhile"};
}

bool has_value(const qmp::SchemaEntity* type, std::string_view value) {
  return type != nullptr &&
         std::find(type->values.begin(), type->values.end(), value) != type->values.end();
}

/// vCPUs that were counted, and rounded, each by itself.
std::int64_t roundings(JsonReader& in, DirtySource mode) {
  if (mode == DirtySource::kDirtyBitmap) return 1;
  const Json* vcpus = in.find("vcpu-dirty-rate");
  if (vcpus == nullptr || !vcpus->is_array()) return 1;
  return std::max<std::int64_t>(1, std::ssize(*vcpus));
}

Bytes within(std::int64_t rate, Seconds window) {
  return BytesPerSecond(static_cast<double>(rate) * Bytes(1_MiB).as_double()) * window;
}

}  // namespace

Result<std::optional<DirtyCount>> decode_dirty_rate(const Json& answer) {
  JsonReader in(answer, kQuestion);
  const std::string status = in.text("status");
  if (in.error()) return fail(qmp::unreadable(kQuestion, in.error()->message));
  if (status == "unstarted" || status == "measuring") return std::optional<DirtyCount>();
  const std::string mode = in.text("mode");
  const std::string unit = in.text(kUnit);
  const std::int64_t milliseconds = in.integer("calc-time");
  const std::int64_t rate = in.integer("dirty-rate");
  if (status != "measured") in.reject("status", "is none that is known");
  if (unit != kMilliseconds) in.reject(kUnit, "is not the one that was asked for");
  if (milliseconds <= 0) in.reject("calc-time", "is not more than 0");
  if (rate < 0 || rate > kMostRate) in.reject("dirty-rate", "is out of range");
  if (in.error()) return fail(qmp::unreadable(kQuestion, in.error()->message));
  const auto source = dirty_source_from_string(mode);
  if (source != DirtySource::kDirtyBitmap && source != DirtySource::kDirtyRing) {
    return fail(taken_away());
  }
  const Seconds window = static_cast<double>(milliseconds) * kRounding;
  return std::optional(DirtyCount{*source, window, within(rate, window),
                                  within(rate + roundings(in, *source), window)});
}

bool CalcDirtyRate::is_known_to(const qmp::Schema& schema) {
  return has_value(schema.argument(kBegin, {kUnit}), kMilliseconds) &&
         has_value(schema.argument(kBegin, {"mode"}), to_string(DirtySource::kDirtyBitmap)) &&
         has_value(schema.argument(kQuestion, {kUnit}), kMilliseconds);
}

Result<void> CalcDirtyRate::begin(DirtySource mode, Seconds window) {
  const auto milliseconds = static_cast<std::int64_t>(std::llround(window / kRounding));
  GODWIT_CHECK_OK(
      ask_(kBegin,
           Json{{"calc-time", milliseconds}, {kUnit, kMilliseconds}, {"mode", to_string(mode)}}));
  mode_ = mode;
  asked_ = window;
  return {};
}

/// A VM has a bitmap or rings; QEMU tells by refusing the other.
Result<void> CalcDirtyRate::begin_count(Seconds window) {
  auto begun = begin(mode_.value_or(DirtySource::kDirtyBitmap), window);
  if (begun || mode_) return begun;
  const Error& why = begun.error();
  const bool other =
      why.code == ErrorCode::kRefused && why.message.find("not enabled") != std::string::npos;
  return other ? begin(DirtySource::kDirtyRing, window) : begun;
}

Result<std::optional<DirtyCount>> CalcDirtyRate::dirty_count() {
  GODWIT_TRY(const Json answer, ask_(kQuestion, Json{{kUnit, kMilliseconds}}));
  GODWIT_TRY(const std::optional<DirtyCount> count, decode_dirty_rate(answer));
  if (!count) return count;
  if (count->source != mode_ || count->window + kRounding < asked_) return fail(taken_away());
  return count;
}

}  // namespace godwit::dirtyrate
