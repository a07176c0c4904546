#pragma once

#include <string>
#include <string_view>

#include "godwit/base/error.h"
#include "godwit/base/units.h"

/// Quantities as people write them: `50MB/s`, `400Mbit/s`, `300ms`, `512MiB`. A bare number is
/// refused, since nobody can know its unit. All parsers: kBadInput on error; never negative.

namespace godwit {

/// `512MiB`, `1.5GB`, `4096B`. At most 1 EiB.
Result<Bytes> parse_bytes(std::string_view text);
/// `50MB/s`, `40MiB/s`, `400Mbit/s`, `1Gbit/s`. More than 0, at most 1 TB/s (beyond any link).
Result<BytesPerSecond> parse_rate(std::string_view text);
/// `300ms`, `8s`, `2m`, `1h`. At most 30 days.
Result<Seconds> parse_duration(std::string_view text);
/// `10%` → 0.1. From 0 % to 100 %.
Result<Ratio> parse_percent(std::string_view text);

/// `512 MiB`, `1.50 GiB`: binary, three significant digits.
std::string human(Bytes size);
/// `50.0 MB/s`: decimal, as links are rated.
std::string human(BytesPerSecond rate);
/// `143 ms`, `4.10 s`, `2 min 5 s`.
std::string human(Seconds time);

}  // namespace godwit
