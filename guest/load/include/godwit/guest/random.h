// A small, fast, repeatable source of random words.
#pragma once

#include <cstdint>

namespace godwit::guest {

// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
// Two multiplications a word and no state but a counter: cheap under software emulation too,
// where a vector instruction would be a call.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  [[nodiscard]] std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

  // Uniform in [0, bound), bound > 0 (its bias, bound / 2^64, is of no matter for page counts).
  [[nodiscard]] std::int64_t below(std::int64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::int64_t>((Wide{next()} * static_cast<std::uint64_t>(bound)) >> 64);
  }

 private:
  std::uint64_t state_;
};

}  // namespace godwit::guest
