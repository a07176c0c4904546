#pragma once

#include <chrono>
#include <cmath>
#include <compare>
#include <cstdint>

#include "godwit/base/contract.h"

/// Quantities of the field as types: sizes, page counts, rates, shares, durations.
/// Construction is explicit and only dimensionally valid operators exist. Integers are signed
/// 64-bit and checked: an overflow is a programming error and ends the process. No input may cause
/// one: what comes from outside is at most `kMostBytes`, of which a few can be added; a sum over a
/// list from outside is a `capped_sum`, and products end at `kMostBytes` by themselves.

namespace godwit {

/// Durations that are measured or predicted; the unit is seconds, printed as `_s` or `_ms`.
using Seconds = std::chrono::duration<double>;
using Milliseconds = std::chrono::duration<double, std::milli>;
using Nanoseconds = std::chrono::nanoseconds;

namespace detail {
constexpr std::int64_t checked_add(std::int64_t a, std::int64_t b) {
  std::int64_t r{};
  if (__builtin_add_overflow(a, b, &r)) contract_failure("integer overflow in a sum of quantities");
  return r;
}
constexpr std::int64_t checked_mul(std::int64_t a, std::int64_t b) {
  std::int64_t r{};
  if (__builtin_mul_overflow(a, b, &r))
    contract_failure("integer overflow in a product of quantities");
  return r;
}
/// Rounds to nearest; refuses what does not fit.
inline std::int64_t checked_round(double v) {
  if (!(std::abs(v) < 0x1.0p63)) contract_failure("a quantity does not fit 64 bits");
  return static_cast<std::int64_t>(std::llround(v));
}
/// 2^60: beyond any memory, disk or stream, and far enough from the end of 64 bits to be added.
inline constexpr std::int64_t kMostCount = std::int64_t{1} << 60;
/// Rounds to nearest, what is beyond 2^60 to that.
inline std::int64_t capped_round(double v) {
  constexpr auto kMost = static_cast<double>(kMostCount);
  return checked_round(v > kMost ? kMost : v < -kMost ? -kMost : v);
}

/// The arithmetic that sizes and counts share (CRTP: `Bytes` and `PageCount` stay distinct types).
template <class Self>
class Count {
 public:
  constexpr Count() = default;
  explicit constexpr Count(std::int64_t count) : count_(count) {}
  [[nodiscard]] constexpr std::int64_t count() const { return count_; }
  [[nodiscard]] constexpr double as_double() const { return static_cast<double>(count_); }

  friend constexpr Self operator+(Self a, Self b) {
    return Self(checked_add(a.count(), b.count()));
  }
  friend constexpr Self operator-(Self a, Self b) {
    return Self(checked_add(a.count(), checked_mul(b.count(), -1)));
  }
  friend constexpr Self operator*(Self a, std::int64_t k) {
    return Self(checked_mul(a.count(), k));
  }
  friend constexpr Self operator*(std::int64_t k, Self a) { return a * k; }
  friend constexpr double operator/(Self a, Self b) { return a.as_double() / b.as_double(); }
  friend constexpr auto operator<=>(Self a, Self b) { return a.count() <=> b.count(); }
  friend constexpr bool operator==(Self a, Self b) { return a.count() == b.count(); }
  constexpr Self& operator+=(Self b) { return self() = self() + b; }
  constexpr Self& operator-=(Self b) { return self() = self() - b; }

 private:
  constexpr Self& self() { return static_cast<Self&>(*this); }
  std::int64_t count_ = 0;
};
}  // namespace detail

/// A size in bytes.
class Bytes : public detail::Count<Bytes> {
 public:
  using Count::Count;
};

/// The most that is believed of a size from outside.
inline constexpr Bytes kMostBytes{detail::kMostCount};
/// For sums over lists from outside; both are at most `kMostBytes`, and so is the sum.
constexpr Bytes capped_sum(Bytes a, Bytes b) {
  return a > kMostBytes - b ? kMostBytes : a + b;
}

/// A number of guest pages. Pages become bytes only through a `PageSize`.
class PageCount : public detail::Count<PageCount> {
 public:
  using Count::Count;
};

/// A dimensionless share or factor; 1 means all.
class Ratio {
 public:
  constexpr Ratio() = default;
  explicit constexpr Ratio(double value) : value_(value) {}
  [[nodiscard]] constexpr double value() const { return value_; }
  friend constexpr auto operator<=>(Ratio, Ratio) = default;
  friend constexpr Ratio operator*(Ratio a, Ratio b) { return Ratio(a.value_ * b.value_); }

 private:
  double value_ = 0;
};

inline Bytes operator*(Bytes a, Ratio r) {
  return Bytes(detail::capped_round(a.as_double() * r.value()));
}
inline PageCount operator*(PageCount a, Ratio r) {
  return PageCount(detail::capped_round(a.as_double() * r.value()));
}

/// A rate in bytes per second (decimal and binary prefixes both end here).
class BytesPerSecond {
 public:
  constexpr BytesPerSecond() = default;
  explicit constexpr BytesPerSecond(double value) : value_(value) {}
  [[nodiscard]] constexpr double value() const { return value_; }
  friend constexpr auto operator<=>(BytesPerSecond, BytesPerSecond) = default;
  friend constexpr BytesPerSecond operator+(BytesPerSecond a, BytesPerSecond b) {
    return BytesPerSecond(a.value_ + b.value_);
  }
  friend constexpr BytesPerSecond operator-(BytesPerSecond a, BytesPerSecond b) {
    return BytesPerSecond(a.value_ - b.value_);
  }
  friend constexpr BytesPerSecond operator*(BytesPerSecond a, Ratio r) {
    return BytesPerSecond(a.value_ * r.value());
  }
  friend constexpr double operator/(BytesPerSecond a, BytesPerSecond b) {
    return a.value_ / b.value_;
  }

 private:
  double value_ = 0;
};

constexpr Seconds operator/(Bytes size, BytesPerSecond rate) {
  return Seconds(size.as_double() / rate.value());
}
constexpr BytesPerSecond operator/(Bytes size, Seconds time) {
  return BytesPerSecond(size.as_double() / time.count());
}
inline Bytes operator*(BytesPerSecond rate, Seconds time) {
  return Bytes(detail::capped_round(rate.value() * time.count()));
}
inline Bytes operator*(Seconds time, BytesPerSecond rate) {
  return rate * time;
}

/// The size of a guest page: the only bridge between pages and bytes. Always a power of two.
class PageSize {
 public:
  explicit constexpr PageSize(std::int64_t bytes) : bytes_(bytes) {
    if (bytes <= 0 || (bytes & (bytes - 1)) != 0) contract_failure("page size is no power of two");
  }
  [[nodiscard]] constexpr Bytes bytes() const { return Bytes(bytes_); }
  [[nodiscard]] constexpr Bytes bytes_of(PageCount pages) const {
    const std::int64_t most = detail::kMostCount / bytes_;
    return bytes() * (pages.count() > most ? most : pages.count() < -most ? -most : pages.count());
  }
  /// Pages needed to hold `size`, the last one possibly in part.
  [[nodiscard]] constexpr PageCount pages_for(Bytes size) const {
    return PageCount(detail::checked_add(size.count(), bytes_ - 1) / bytes_);
  }
  friend constexpr auto operator<=>(PageSize, PageSize) = default;

 private:
  std::int64_t bytes_;
};

inline namespace literals {
constexpr Bytes operator""_B(unsigned long long v) {
  return Bytes(static_cast<std::int64_t>(v));
}
constexpr Bytes operator""_kB(unsigned long long v) {
  return operator""_B(v)*1'000;
}
constexpr Bytes operator""_MB(unsigned long long v) {
  return operator""_B(v)*1'000'000;
}
constexpr Bytes operator""_GB(unsigned long long v) {
  return operator""_B(v)*1'000'000'000;
}
constexpr Bytes operator""_KiB(unsigned long long v) {
  return operator""_B(v)*1'024;
}
constexpr Bytes operator""_MiB(unsigned long long v) {
  return operator""_B(v)*1'048'576;
}
constexpr Bytes operator""_GiB(unsigned long long v) {
  return operator""_B(v)*1'073'741'824;
}
constexpr PageCount operator""_pages(unsigned long long v) {
  return PageCount(static_cast<std::int64_t>(v));
}
constexpr BytesPerSecond operator""_MB_per_s(unsigned long long v) {
  return BytesPerSecond(static_cast<double>(v) * 1e6);
}
constexpr BytesPerSecond operator""_Mbit_per_s(unsigned long long v) {
  return BytesPerSecond(static_cast<double>(v) * 125e3);
}
}  // namespace literals

}  // namespace godwit
