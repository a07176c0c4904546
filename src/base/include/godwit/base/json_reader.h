#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/json.h"
#include "godwit/base/units.h"

namespace godwit {

/// Reads the members of one JSON object and remembers the first thing that was wrong, so that a
/// decoder reads straight on and asks once, at the end. After an error every read gives a zero.
///
///   JsonReader in(json, "profile");
///   profile.ram = in.bytes("ram_bytes");
///   if (auto bad = in.error()) return fail(*bad);
class JsonReader {
 public:
  JsonReader(const Json& json, std::string path);

  [[nodiscard]] std::int64_t integer(std::string_view key);
  [[nodiscard]] double number(std::string_view key);  ///< finite
  [[nodiscard]] bool boolean(std::string_view key);
  [[nodiscard]] std::string text(std::string_view key);
  [[nodiscard]] Bytes bytes(std::string_view key);      ///< ≥ 0
  [[nodiscard]] Seconds seconds(std::string_view key);  ///< `_s` or `_ms` by the key's ending, ≥ 0
  [[nodiscard]] BytesPerSecond rate(std::string_view key);  ///< ≥ 0
  [[nodiscard]] Ratio ratio(std::string_view key);          ///< 0…1

  /// Absent or null → nothing; otherwise as above.
  [[nodiscard]] std::optional<std::int64_t> maybe_integer(std::string_view key);
  [[nodiscard]] std::optional<double> maybe_number(std::string_view key);
  [[nodiscard]] std::optional<bool> maybe_boolean(std::string_view key);
  [[nodiscard]] std::optional<std::string> maybe_text(std::string_view key);
  [[nodiscard]] std::optional<Bytes> maybe_bytes(std::string_view key);
  [[nodiscard]] std::optional<Seconds> maybe_seconds(std::string_view key);
  /// For a key that does not say its unit (as below "downtime_ms"), ≥ 0; to a nanosecond.
  [[nodiscard]] std::optional<Seconds> maybe_milliseconds(std::string_view key);
  [[nodiscard]] std::optional<BytesPerSecond> maybe_rate(std::string_view key);
  [[nodiscard]] std::optional<Ratio> maybe_ratio(std::string_view key);

  /// The member, or null where it is absent or JSON null.
  [[nodiscard]] const Json* find(std::string_view key);
  [[nodiscard]] const Json* require(std::string_view key);
  /// Is the member there, as JSON null?
  [[nodiscard]] bool is_null(std::string_view key) const;
  /// The elements of an array member; an absent one is an error.
  [[nodiscard]] const Json* array(std::string_view key);
  [[nodiscard]] std::string path_of(std::string_view key) const;

  /// Notes an error found by the caller (kept only if it is the first).
  void reject(std::string_view key, std::string_view why);
  void adopt(const Error& error);
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  std::optional<Seconds> duration(std::string_view key, std::optional<double> seconds);

  const Json& json_;
  std::string path_;
  std::optional<Error> error_;
};

}  // namespace godwit
