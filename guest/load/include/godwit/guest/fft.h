// A fast Fourier transform: arithmetic that stays within a processor's caches.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace godwit::guest {

// Not std::complex: its product looks for infinities, which here would be most of the work.
struct Complex {
  double re = 0;
  double im = 0;
};

// Radix 2, decimation in time (Cooley and Tukey, Math. Comp. 19 (1965) 297), in place, and
// unitary: X_k = 1/sqrt(N) sum x_j exp(-2 pi i jk/N). So the same data can be transformed for ever
// without growing. Single-threaded.
class Fft {
 public:
  // `points`: a power of two.
  explicit Fft(std::size_t points);

  [[nodiscard]] std::size_t points() const { return swaps_.size(); }
  // `data` holds points() values.
  void transform(std::span<Complex> data) const;

 private:
  void reorder(std::span<Complex> data) const;

  std::vector<std::size_t> swaps_;  // bit-reversed index of each
  std::vector<Complex> turns_;      // exp(-2 pi i k/N), k < N/2
};

}  // namespace godwit::guest
