#include "godwit/guest/fft.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "godwit/guest/random.h"

namespace godwit::guest {
namespace {

using Data = std::vector<Complex>;

Data random_data(std::size_t points) {
  Random random(5);
  const auto any = [&random] { return static_cast<double>(random.below(2001) - 1000) / 1000; };
  Data data(points);
  for (Complex& value : data) value = {any(), any()};
  return data;
}

double energy(const Data& data) {
  double sum = 0;
  for (const Complex& value : data) sum += value.re * value.re + value.im * value.im;
  return sum;
}

// X_k = 1/sqrt(N) sum x_j exp(-2 pi i jk/N), word by word.
Data by_definition(const Data& data) {
  const auto points = static_cast<double>(data.size());
  Data result(data.size());
  for (std::size_t k = 0; k < data.size(); ++k) {
    for (std::size_t j = 0; j < data.size(); ++j) {
      const double angle = -2 * std::numbers::pi * static_cast<double>(j * k) / points;
      const double c = std::cos(angle) / std::sqrt(points);
      const double s = std::sin(angle) / std::sqrt(points);
      result[k].re += data[j].re * c - data[j].im * s;
      result[k].im += data[j].re * s + data[j].im * c;
    }
  }
  return result;
}

void expect_same(const Data& one, const Data& other) {
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_NEAR(one[i].re, other[i].re, 1e-9) << i;
    EXPECT_NEAR(one[i].im, other[i].im, 1e-9) << i;
  }
}

TEST(Fft, IsWhatTheDefinitionSays) {
  for (const std::size_t points : {1U, 2U, 4U, 8U, 64U, 256U}) {
    Data data = random_data(points);
    const Data expected = by_definition(data);
    Fft(points).transform(data);
    expect_same(data, expected);
  }
}

// Twice is a reflection, x_j to x_{-j}; four times is where it began.
TEST(Fft, FourTimesIsWhereItBegan) {
  const Fft fft(1024);
  const Data start = random_data(1024);
  Data data = start;
  for (int i = 0; i < 4; ++i) fft.transform(data);
  expect_same(data, start);
}

TEST(Fft, NeverGrows) {
  const Fft fft(64);
  Data data = random_data(64);
  const double before = energy(data);
  for (int i = 0; i < 10'000; ++i) fft.transform(data);
  EXPECT_NEAR(energy(data) / before, 1, 1e-6);
}

}  // namespace
}  // namespace godwit::guest
