#pragma once

#include <rapidcheck.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "godwit/codec/codec.h"
#include "godwit/domain/ports.h"

/// RapidCheck generators of domain's values, for the tests of any module: whatever is valid may
/// come up. Durations are whole nanoseconds, as finely as the codec keeps the `_ms` ones.
///
///   RC_GTEST_PROP(Store, KeepsRecords, (const godwit::OutcomeRecord& record)) { ... }

namespace godwit::generate {

/// UTF-8 with what text formats trip over: quotes, control characters, all lengths of code points.
rc::Gen<std::string> text();
rc::Gen<std::int64_t> up_to(std::int64_t most);
rc::Gen<Bytes> bytes(std::int64_t most = std::int64_t{1} << 60);

/// 0 to a day.
rc::Gen<Seconds> seconds();
rc::Gen<Ratio> ratio();

/// A non-negative double up to 2^30, of any magnitude and not only round ones.
rc::Gen<double> number();
rc::Gen<BytesPerSecond> rate();
rc::Gen<std::int64_t> wall_us();

template <class T>
rc::Gen<std::optional<T>> maybe(const rc::Gen<T>& value) {
  return rc::gen::oneOf(rc::gen::just(std::optional<T>()),
                        rc::gen::map(value, [](T v) { return std::optional<T>(std::move(v)); }));
}

rc::Gen<Technique> technique();  ///< any product of parts
rc::Gen<int> percent();
rc::Gen<MigrationParameters> parameters();
rc::Gen<Link> link();

/// A curve as the profile promises it: windows and unique bytes rise, within `ram`.
rc::Gen<std::vector<DirtyPoint>> curve(Bytes ram);
rc::Gen<DirtyPoint> dirty_point();
rc::Gen<DirtySource> dirty_source();
rc::Gen<SourcedCurve> sourced_curve(Bytes ram);
rc::Gen<GuestProfile> profile();
rc::Gen<PredictedRound> predicted_round();
rc::Gen<TechniquePrediction> technique_prediction();
rc::Gen<Advice> advice();
rc::Gen<Prediction> prediction();
rc::Gen<RoundRecord> round_record();
rc::Gen<StorageOutcome> storage_outcome();
rc::Gen<MigrationOutcome> outcome();
rc::Gen<OutcomeRecord> record();
rc::Gen<MigrationSettings> migration_settings();
rc::Gen<JournalEntry> journal_entry();

}  // namespace godwit::generate

namespace rc {
template <>
struct Arbitrary<godwit::MigrationParameters> {
  static Gen<godwit::MigrationParameters> arbitrary() { return godwit::generate::parameters(); }
};
template <>
struct Arbitrary<godwit::GuestProfile> {
  static Gen<godwit::GuestProfile> arbitrary() { return godwit::generate::profile(); }
};
template <>
struct Arbitrary<godwit::Prediction> {
  static Gen<godwit::Prediction> arbitrary() { return godwit::generate::prediction(); }
};
template <>
struct Arbitrary<godwit::MigrationOutcome> {
  static Gen<godwit::MigrationOutcome> arbitrary() { return godwit::generate::outcome(); }
};
template <>
struct Arbitrary<godwit::OutcomeRecord> {
  static Gen<godwit::OutcomeRecord> arbitrary() { return godwit::generate::record(); }
};
template <>
struct Arbitrary<godwit::JournalEntry> {
  static Gen<godwit::JournalEntry> arbitrary() { return godwit::generate::journal_entry(); }
};
}  // namespace rc

namespace godwit {
/// How RapidCheck shows a counterexample.
template <class T>
auto showValue(const T& value, std::ostream& out) -> decltype(to_json(value), void()) {
  out << to_json(value).dump(1);
}
}  // namespace godwit
