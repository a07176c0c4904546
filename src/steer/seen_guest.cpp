#include "seen_guest.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

#include "correction.h"

namespace godwit::steer {
namespace {

/// Rounds that are remembered: enough to know the curve by, and few enough to be of one guest.
constexpr std::size_t kRememberedRounds = 12;
/// Standard deviations of the logarithm of what a round dirtied, against the curve: of any round;
/// of a first one whose parts began to count at times that nobody knows; and of how much a guest
/// changes from round to round.
constexpr double kRoundError = 0.12;
constexpr double kPartsError = 0.25;
constexpr double kGuestsDrift = 0.08;
/// So much is dirtied by the way, and a look that comes late counts it to another round.
constexpr double kByTheWay = 0.5e6;
/// Shapes that explain the rounds so much worse than the best one are left out.
constexpr double kLeastLikelihood = 1e-3;
/// Who writes three times as much from round to round is as good as unknown.
constexpr double kMostError = 1;
/// A curve's points, of the longest window: each 1.4 times the one before.
constexpr int kPointsBelow = 24;
constexpr int kPointsAbove = 6;
/// Of the newest round's length: the rounds to come are shorter.
constexpr double kNextRounds = 0.3;

constexpr Bytes kLogPart = 1_GiB;
constexpr int kMostParts = 16;  // beyond it the mean hardly changes
/// What QEMU counts beside a guest's own RAM: its display's memory, and its firmware.
constexpr Bytes kBesideRam = 64_MiB;

/// W(t), 1 at t = 1.
struct Shape {
  enum class Body { kPower, kAtRandom, kInOrder };
  Body body = Body::kPower;
  double bend = 1;    ///< the exponent; or by when the set is full
  double weight = 1;  ///< before anything was seen
  double hot = 0;     ///< share of W(1) that a hot set is
  double soon = 1;    ///< by when that is full

  [[nodiscard]] double at(double t) const {
    const double rest = (1 - hot) * body_at(t);
    return hot > 0 ? hot * filled(t, soon) + rest : rest;
  }

 private:
  static double filled(double t, double by) { return std::expm1(-t / by) / std::expm1(-1 / by); }
  [[nodiscard]] double body_at(double t) const {
    if (body == Body::kPower) return std::pow(t, bend);
    return body == Body::kAtRandom ? filled(t, bend) : std::min(1.0, t / bend);
  }
};

std::vector<Shape> all_shapes() {
  using Body = Shape::Body;
  std::vector<Shape> all{
      {Body::kPower, 0.4, 0.02},    {Body::kPower, 0.5, 0.1},      {Body::kPower, 0.6, 0.4},
      {Body::kPower, 0.7, 1},       {Body::kPower, 0.8, 1.3},      {Body::kPower, 0.9, 1.3},
      {Body::kPower, 1, 1},         {Body::kAtRandom, 0.02, 0.02}, {Body::kAtRandom, 0.05, 0.03},
      {Body::kAtRandom, 0.1, 0.05}, {Body::kAtRandom, 0.2, 0.1},   {Body::kAtRandom, 0.35, 0.2},
      {Body::kAtRandom, 0.6, 0.3},  {Body::kAtRandom, 1, 0.4},     {Body::kAtRandom, 2, 0.3},
      {Body::kInOrder, 0.1, 0.02},  {Body::kInOrder, 0.2, 0.03},   {Body::kInOrder, 0.35, 0.05},
      {Body::kInOrder, 0.6, 0.05},  {Body::kInOrder, 0.9, 0.05}};
  constexpr std::array<std::array<double, 2>, 3> kHot{{{0.1, 0.05}, {0.25, 0.03}, {0.5, 0.02}}};
  for (const auto& [hot, weight] : kHot) {
    for (const double soon : {0.01, 0.05, 0.2}) {
      for (const double bend : {0.7, 0.85, 1.0}) {
        all.push_back({Body::kPower, bend, weight, hot, soon});
      }
    }
  }
  return all;
}

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = all_shapes();
  return all;
}

model::Growth growth_of(const Shape& shape, double height, double longest, double ram) {
  std::vector<model::Growth::Knot> knots{{}};
  for (int i = -kPointsBelow; i <= kPointsAbove; ++i) {
    const double t = std::exp2(0.5 * i);
    const double bytes = std::clamp(height * shape.at(t), knots.back().bytes, ram);
    knots.push_back({t * longest, bytes, 0});
  }
  const auto& last = knots.back();
  const auto& before = knots[knots.size() - 2];
  const double slope = (last.bytes - before.bytes) / (last.seconds - before.seconds);
  return model::Growth(std::move(knots), {.saturation = 0, .decay = 0, .slope = slope}, ram);
}

}  // namespace

int log_parts(Bytes ram) {
  const double parts = std::ceil((ram - kBesideRam) / kLogPart);
  return static_cast<int>(std::clamp(parts, 1.0, static_cast<double>(kMostParts)));
}

void SeenGuest::learn(const RoundRecord& round, Bytes ram, double ran_at) {
  if (!round.dirtied || round.duration < kShortestRound || ram <= Bytes()) return;
  ram_ = ram.as_double();
  windows_.push_back({round.duration.count() * ran_at, round.number == 1 ? log_parts(ram) : 1,
                      std::max(round.dirtied->as_double(), 1.0)});
  if (windows_.size() > kRememberedRounds) windows_.erase(windows_.begin());
}

/// Of the logarithm of what was dirtied; `age`: rounds since then.
double SeenGuest::Window::variance(double age) const {
  const double error = parts > 1 ? kPartsError : kRoundError;
  const double by_the_way = kByTheWay / dirtied;
  return error * error + by_the_way * by_the_way + age * kGuestsDrift * kGuestsDrift;
}

double SeenGuest::longest() const {
  double most = 0;
  for (const Window& window : windows_) most = std::max(most, window.seconds);
  return most;
}

/// The height that explains the windows best is the mean of those that each asks for, weighted by
/// how far it is to be trusted.
template <class AnyShape>
SeenGuest::Fit SeenGuest::fit(const AnyShape& shape) const {
  const double unit = longest();
  double precision = 0, sum = 0, squares = 0;
  auto age = static_cast<double>(windows_.size());
  for (const Window& window : windows_) {
    double expected = 0;
    for (int i = 1; i <= window.parts; ++i) {
      expected += shape.at(window.seconds / unit * i / window.parts) / window.parts;
    }
    const double height = std::log(window.dirtied / std::max(expected, 1e-9));
    const double trust = 1 / window.variance(--age);
    precision += trust;
    sum += trust * height;
    squares += trust * height * height;
  }
  return {sum / precision, 1 / precision, squares - sum * sum / precision};
}

std::vector<twin::LikelyGrowth> SeenGuest::growths() const {
  if (windows_.empty()) return {};
  std::vector<Fit> fits;
  for (const Shape& shape : shapes()) fits.push_back(fit(shape));
  const double best = std::min_element(fits.begin(), fits.end(), [](const Fit& a, const Fit& b) {
                        return a.misfit < b.misfit;
                      })->misfit;
  // A guest that no shape explains is less known than one that does the same each time.
  const double unsteady = std::max(1.0, best / static_cast<double>(windows_.size()));
  std::vector<twin::LikelyGrowth> likely;
  for (std::size_t i = 0; i < fits.size(); ++i) {
    const double explains = std::exp((best - fits[i].misfit) / (2 * unsteady));
    if (explains < kLeastLikelihood) continue;
    const double error = std::sqrt(unsteady * (fits[i].variance + kGuestsDrift * kGuestsDrift));
    likely.push_back({growth_of(shapes()[i], std::exp(fits[i].height), longest(), ram_),
                      shapes()[i].weight * explains, std::min(error, kMostError)});
  }
  const double soon = kNextRounds * windows_.back().seconds;
  std::sort(likely.begin(), likely.end(), [soon](const auto& a, const auto& b) {
    return a.growth.bytes_at(soon) < b.growth.bytes_at(soon);
  });
  return likely;
}

}  // namespace godwit::steer
