#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace godwit {

/// Seeded randomness, the same on every platform: the standard fixes mt19937_64 but not its
/// distributions, so those that the house needs are written here. Not thread-safe.
class Rng {
 public:
  explicit Rng(std::uint64_t seed) : engine_(seed) {}

  [[nodiscard]] std::uint64_t next() { return engine_(); }
  /// Uniform in [0, 1).
  [[nodiscard]] double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  /// Of mean 0 and deviation 1 (Box and Muller, 1958).
  [[nodiscard]] double normal();
  /// Uniform in [0, bound); bound > 0. Rejection keeps it unbiased.
  [[nodiscard]] std::int64_t below(std::int64_t bound);
  /// `count` distinct integers of [0, bound), ascending (Floyd's sampling). count ≤ bound.
  [[nodiscard]] std::vector<std::int64_t> sample(std::int64_t bound, std::int64_t count);
  /// Any order is as likely as another (Fisher and Yates).
  template <class T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t left = values.size(); left > 1; --left) {
      const std::int64_t other = below(static_cast<std::int64_t>(left));
      std::swap(values[left - 1], values[static_cast<std::size_t>(other)]);
    }
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace godwit
