#include "godwit/base/json_reader.h"

#include <fmt/format.h>

#include <cmath>

namespace godwit {
namespace {
/// QEMU's own bound, which libvirt sets for "no limit" (nearly). No rate of a link.
constexpr double kMostRate = 0x1.0p64;
/// A hundred years in seconds.
constexpr double kMostSeconds = 3.2e9;
}  // namespace

JsonReader::JsonReader(const Json& json, std::string path) : json_(json), path_(std::move(path)) {
  if (!json_.is_object()) {
    error_ = Error{ErrorCode::kCorrupt, fmt::format("{} is not a JSON object", path_), {}};
  }
}

std::string JsonReader::path_of(std::string_view key) const {
  return fmt::format("{}.{}", path_, key);
}

void JsonReader::reject(std::string_view key, std::string_view why) {
  adopt(Error{ErrorCode::kCorrupt, fmt::format("{} {}", path_of(key), why), {}});
}

void JsonReader::adopt(const Error& error) {
  if (!error_) error_ = error;
}

const Json* JsonReader::find(std::string_view key) {
  if (error_) return nullptr;
  const auto member = json_.find(key);
  return member == json_.end() || member->is_null() ? nullptr : &*member;
}

const Json* JsonReader::require(std::string_view key) {
  const Json* member = find(key);
  if (member == nullptr) reject(key, "is missing");
  return member;
}

bool JsonReader::is_null(std::string_view key) const {
  const auto member = json_.find(key);
  return member != json_.end() && member->is_null();
}

const Json* JsonReader::array(std::string_view key) {
  const Json* member = require(key);
  if (member != nullptr && !member->is_array()) {
    reject(key, "is not an array");
    return nullptr;
  }
  return member;
}

std::optional<std::int64_t> JsonReader::maybe_integer(std::string_view key) {
  const Json* member = find(key);
  if (member == nullptr) return std::nullopt;
  if (!member->is_number_integer() ||
      (member->is_number_unsigned() && member->get<std::uint64_t>() > 0x7fffffffffffffffULL)) {
    reject(key, "is not a 64-bit integer");
    return std::nullopt;
  }
  return member->get<std::int64_t>();
}

std::optional<double> JsonReader::maybe_number(std::string_view key) {
  const Json* member = find(key);
  if (member == nullptr) return std::nullopt;
  if (!member->is_number() || !std::isfinite(member->get<double>())) {
    reject(key, "is not a finite number");
    return std::nullopt;
  }
  return member->get<double>();
}

std::optional<bool> JsonReader::maybe_boolean(std::string_view key) {
  const Json* member = find(key);
  if (member == nullptr) return std::nullopt;
  if (!member->is_boolean()) {
    reject(key, "is not true or false");
    return std::nullopt;
  }
  return member->get<bool>();
}

std::optional<std::string> JsonReader::maybe_text(std::string_view key) {
  const Json* member = find(key);
  if (member == nullptr) return std::nullopt;
  if (!member->is_string()) {
    reject(key, "is not a string");
    return std::nullopt;
  }
  return member->get<std::string>();
}

std::optional<Bytes> JsonReader::maybe_bytes(std::string_view key) {
  const auto value = maybe_integer(key);
  if (!value) return std::nullopt;
  if (*value < 0 || *value > kMostBytes.count()) {
    reject(key, "is no sensible size");
    return std::nullopt;
  }
  return Bytes(*value);
}

std::optional<Seconds> JsonReader::maybe_seconds(std::string_view key) {
  return key.ends_with("_ms") ? maybe_milliseconds(key) : duration(key, maybe_number(key));
}

std::optional<Seconds> JsonReader::maybe_milliseconds(std::string_view key) {
  const auto ms = maybe_number(key);
  // by way of whole nanoseconds, as they were written: / 1e3 alone would be off by a last bit
  return duration(key, ms ? std::optional(std::round(*ms * 1e6) / 1e9) : std::nullopt);
}

std::optional<Seconds> JsonReader::duration(std::string_view key, std::optional<double> seconds) {
  if (!seconds) return std::nullopt;
  if (*seconds < 0 || *seconds > kMostSeconds) {
    reject(key, "is no sensible duration");
    return std::nullopt;
  }
  return Seconds(*seconds);
}

std::optional<BytesPerSecond> JsonReader::maybe_rate(std::string_view key) {
  const auto value = maybe_number(key);
  if (!value) return std::nullopt;
  if (*value < 0 || *value > kMostRate) {
    reject(key, "is no sensible rate");
    return std::nullopt;
  }
  return BytesPerSecond(*value);
}

std::optional<Ratio> JsonReader::maybe_ratio(std::string_view key) {
  const auto value = maybe_number(key);
  if (!value) return std::nullopt;
  if (*value < 0 || *value > 1) {
    reject(key, "is no share between 0 and 1");
    return std::nullopt;
  }
  return Ratio(*value);
}

std::int64_t JsonReader::integer(std::string_view key) {
  return require(key) == nullptr ? 0 : maybe_integer(key).value_or(0);
}
double JsonReader::number(std::string_view key) {
  return require(key) == nullptr ? 0 : maybe_number(key).value_or(0);
}
bool JsonReader::boolean(std::string_view key) {
  return require(key) != nullptr && maybe_boolean(key).value_or(false);
}
std::string JsonReader::text(std::string_view key) {
  return require(key) == nullptr ? std::string() : maybe_text(key).value_or("");
}
Bytes JsonReader::bytes(std::string_view key) {
  return require(key) == nullptr ? Bytes() : maybe_bytes(key).value_or(Bytes());
}
Seconds JsonReader::seconds(std::string_view key) {
  return require(key) == nullptr ? Seconds() : maybe_seconds(key).value_or(Seconds());
}
BytesPerSecond JsonReader::rate(std::string_view key) {
  return require(key) == nullptr ? BytesPerSecond() : maybe_rate(key).value_or(BytesPerSecond());
}
Ratio JsonReader::ratio(std::string_view key) {
  return require(key) == nullptr ? Ratio() : maybe_ratio(key).value_or(Ratio());
}

}  // namespace godwit
