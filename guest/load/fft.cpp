#include "godwit/guest/fft.h"

#include <cmath>
#include <numbers>
#include <utility>

namespace godwit::guest {

Fft::Fft(std::size_t points) : swaps_(points), turns_(points / 2) {
  for (std::size_t i = 1; i < points; ++i) {
    swaps_[i] = swaps_[i / 2] / 2 + (i % 2 == 1 ? points / 2 : 0);
  }
  for (std::size_t k = 0; k < turns_.size(); ++k) {
    const double angle =
        -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(points);
    turns_[k] = {std::cos(angle), std::sin(angle)};
  }
}

void Fft::reorder(std::span<Complex> data) const {
  for (std::size_t i = 0; i < swaps_.size(); ++i) {
    if (i < swaps_[i]) std::swap(data[i], data[swaps_[i]]);
  }
}

void Fft::transform(std::span<Complex> data) const {
  reorder(data);
  constexpr double kScale = 1 / std::numbers::sqrt2;  // of each stage: 1/sqrt(N) over all
  for (std::size_t half = 1; half < points(); half *= 2) {
    const std::size_t stride = points() / (2 * half);
    for (std::size_t start = 0; start < points(); start += 2 * half) {
      for (std::size_t k = 0; k < half; ++k) {
        Complex& low = data[start + k];
        Complex& high = data[start + k + half];
        const Complex turn = turns_[k * stride];
        const Complex turned{(high.re * turn.re - high.im * turn.im) * kScale,
                             (high.re * turn.im + high.im * turn.re) * kScale};
        const Complex kept{low.re * kScale, low.im * kScale};
        low = {kept.re + turned.re, kept.im + turned.im};
        high = {kept.re - turned.re, kept.im - turned.im};
      }
    }
  }
}

}  // namespace godwit::guest
