#pragma once

#include <rapidcheck.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "godwit/codec/codec.h"
#include "godwit/domain/ports.h"

/// Domain's values at random, for properties in the tests of any module: whatever is valid may
/// come up. Durations are whole nanoseconds, as finely as the codec keeps the `_ms` ones.
///
///   RC_GTEST_PROP(Store, KeepsRecords, (const godwit::OutcomeRecord& record)) { ... }
///
/// These draw where a property runs. All stand on one generator, of whole numbers: each type that
/// has a generator of its own takes a compiler a second.

namespace godwit::generate {

/// 0 to `most`.
std::int64_t up_to(std::int64_t most);
int count(int most);
bool flag();
/// UTF-8 with what text formats trip over: quotes, control characters, all lengths of code points.
std::string text();
Bytes bytes(std::int64_t most = std::int64_t{1} << 60);
/// 0 to a day.
Seconds seconds();
Ratio ratio();
/// A non-negative double up to 2^30, of any magnitude and not only round ones.
double number();
BytesPerSecond rate();
std::int64_t wall_us();
Technique technique();  ///< any product of parts

/// Nothing, or what `draw` draws.
template <class Draw>
auto maybe(const Draw& draw) {
  return flag() ? std::optional(draw()) : std::nullopt;
}

}  // namespace godwit::generate

namespace rc {
template <>
struct Arbitrary<godwit::MigrationParameters> {
  static Gen<godwit::MigrationParameters> arbitrary();
};
template <>
struct Arbitrary<godwit::GuestProfile> {
  static Gen<godwit::GuestProfile> arbitrary();
};
template <>
struct Arbitrary<godwit::Prediction> {
  static Gen<godwit::Prediction> arbitrary();
};
template <>
struct Arbitrary<godwit::MigrationOutcome> {
  static Gen<godwit::MigrationOutcome> arbitrary();
};
template <>
struct Arbitrary<godwit::OutcomeRecord> {
  static Gen<godwit::OutcomeRecord> arbitrary();
};
template <>
struct Arbitrary<godwit::JournalEntry> {
  static Gen<godwit::JournalEntry> arbitrary();
};
}  // namespace rc

namespace godwit {
/// How RapidCheck shows a counterexample.
template <class T>
auto showValue(const T& value, std::ostream& out) -> decltype(to_json(value), void()) {
  out << to_json(value).dump(1);
}
}  // namespace godwit
