#include <fmt/format.h>
#include <libsvm/svm.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "estimators.h"
#include "godwit/base/statistics.h"

namespace godwit::learn {
namespace {

/// To mean 0 and deviation 1 and back.
struct Scale {
  std::vector<double> mean;
  std::vector<double> deviation;
  std::vector<double> low;  ///< bounds of what was seen
  std::vector<double> high;

  /// An unknown value stands for the mean, one beyond all that was seen for the nearest of those: a
  /// kernel tells nothing out there, and one feature that drifts away would silence all others.
  [[nodiscard]] double scaled(std::size_t k, double value) const {
    return std::isnan(value) ? 0 : (std::clamp(value, low[k], high[k]) - mean[k]) / deviation[k];
  }
};

/// A column that never varies keeps a deviation of 1.
void add_column(Scale& scale, const std::vector<double>& values) {
  constexpr double kLeastVariation = 1e-6;
  const Moments moments = moments_of(values);
  const bool varies = moments.deviation > kLeastVariation * (1 + std::abs(moments.mean));
  scale.mean.push_back(moments.mean);
  scale.deviation.push_back(varies ? moments.deviation : 1);
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (low > high) low = high = 0;  // never known
  scale.low.push_back(low);
  scale.high.push_back(high);
}

Scale scale_of(const Samples& samples) {
  Scale scale;
  for (std::size_t k = 0; k < samples.features.size(); ++k) {
    std::vector<double> column;
    for (const auto& row : samples.rows) column.push_back(row[k]);
    add_column(scale, column);
  }
  return scale;
}

class Svr final : public Estimator {
 public:
  Scale features;
  Scale target;
  double gamma = 0;  ///< of the whole distance
  double bias = 0;
  std::vector<std::vector<double>> vectors;  ///< support vectors, scaled
  std::vector<double> weights;               ///< of each

  [[nodiscard]] double predict(std::span<const double> row) const override {
    std::vector<double> x(width());
    for (std::size_t k = 0; k < x.size(); ++k) x[k] = features.scaled(k, row[k]);
    double sum = -bias;
    for (std::size_t i = 0; i < vectors.size(); ++i) {
      double distance = 0;
      for (std::size_t k = 0; k < x.size(); ++k) {
        distance += (x[k] - vectors[i][k]) * (x[k] - vectors[i][k]);
      }
      sum += weights[i] * std::exp(-gamma * distance);
    }
    return sum * target.deviation[0] + target.mean[0];
  }
  [[nodiscard]] std::size_t width() const override { return features.mean.size(); }
  [[nodiscard]] Json to_json() const override {
    return Json{{"kind", kSvrKind},
                {"mean", features.mean},
                {"deviation", features.deviation},
                {"low", features.low},
                {"high", features.high},
                {"target_mean", target.mean},
                {"target_deviation", target.deviation},
                {"gamma", gamma},
                {"bias", bias},
                {"vectors", vectors},
                {"weights", weights}};
  }
};

/// Rows as libsvm wants them; they live as long as this.
class Problem {
 public:
  Problem(const Samples& samples, const Scale& features, const Scale& target) {
    const std::size_t width = samples.features.size();
    nodes_.resize(samples.size() * (width + 1));
    for (std::size_t i = 0; i < samples.size(); ++i) {
      svm_node* const row = &nodes_[i * (width + 1)];
      for (std::size_t k = 0; k < width; ++k) {
        row[k] = {static_cast<int>(k + 1), features.scaled(k, samples.rows[i][k])};
      }
      row[width] = {-1, 0};
      rows_.push_back(row);
      targets_.push_back(target.scaled(0, samples.targets[i]));
    }
    problem_.l = static_cast<int>(samples.size());
    problem_.y = targets_.data();
    problem_.x = rows_.data();
  }
  [[nodiscard]] const svm_problem& get() const { return problem_; }

 private:
  std::vector<svm_node> nodes_;
  std::vector<svm_node*> rows_;
  std::vector<double> targets_;
  svm_problem problem_{};
};

svm_parameter parameters_of(const SvrOptions& options, std::size_t width) {
  svm_parameter p{};
  p.svm_type = EPSILON_SVR;
  p.kernel_type = RBF;
  p.gamma = options.gamma / static_cast<double>(std::max<std::size_t>(width, 1));
  p.C = options.c;
  p.p = options.epsilon;
  p.cache_size = 100;  // MB
  p.eps = 1e-3;
  p.shrinking = 1;
  return p;
}

void copy_vectors(const svm_model& model, std::size_t width, Svr& svr) {
  for (int i = 0; i < model.l; ++i) {
    std::vector<double> vector(width, 0);
    for (const svm_node* node = model.SV[i]; node->index >= 0; ++node) {
      vector[static_cast<std::size_t>(node->index - 1)] = node->value;
    }
    svr.vectors.push_back(std::move(vector));
    svr.weights.push_back(model.sv_coef[0][i]);
  }
}

/// Root of the mean squared error on groups that were not learnt from.
Result<double> judged_error(const Samples& samples, const SvrOptions& options) {
  constexpr std::size_t kFolds = 4;
  double squares = 0;
  std::size_t n = 0;
  for (const Fold& fold : folds_of(samples.groups, kFolds)) {
    GODWIT_TRY(const auto svr, train_svr(rows_of(samples, fold.training), options));
    for (const std::size_t row : fold.judged) {
      const double error = svr->predict(samples.rows[row]) - samples.targets[row];
      squares += error * error;
      ++n;
    }
  }
  return n > 0 ? std::sqrt(squares / static_cast<double>(n))
               : std::numeric_limits<double>::infinity();
}

/// Weights of a linear model with a penalty on their squares, by Gauss-Seidel: the features are few
/// and scaled.
std::vector<double> ridge_weights(const Samples& samples) {
  constexpr double kPenalty = 0.1;  // of the number of rows
  constexpr int kSweeps = 100;
  const Scale scale = scale_of(samples);
  Scale target;
  add_column(target, samples.targets);
  const std::size_t width = samples.features.size();
  std::vector<double> residual;
  for (const double y : samples.targets) residual.push_back(target.scaled(0, y));
  std::vector<double> weights(width, 0);
  const double penalty = kPenalty * static_cast<double>(samples.size());
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (std::size_t k = 0; k < width; ++k) {
      double along = 0;
      double squares = penalty;
      for (std::size_t i = 0; i < samples.size(); ++i) {
        const double x = scale.scaled(k, samples.rows[i][k]);
        along += x * (residual[i] + weights[k] * x);
        squares += x * x;
      }
      const double next = along / squares;
      for (std::size_t i = 0; i < samples.size(); ++i) {
        residual[i] -= (next - weights[k]) * scale.scaled(k, samples.rows[i][k]);
      }
      weights[k] = next;
    }
  }
  return weights;
}

/// Without the fifth (at least one) of the features that weigh least.
std::vector<std::string> without_the_lightest(const Samples& samples) {
  const std::vector<double> weights = ridge_weights(samples);
  std::vector<std::size_t> order(weights.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::abs(weights[a]) > std::abs(weights[b]);
  });
  const std::size_t gone = std::max<std::size_t>(1, order.size() / 5);
  order.resize(order.size() - gone);
  std::sort(order.begin(), order.end());
  std::vector<std::string> kept;
  for (const std::size_t k : order) kept.push_back(samples.features[k]);
  return kept;
}

}  // namespace

Result<std::unique_ptr<Estimator>> train_svr(const Samples& samples, const SvrOptions& options) {
  GODWIT_CHECK_OK(check(samples));
  svm_set_print_string_function([](const char*) {});
  auto svr = std::make_unique<Svr>();
  svr->features = scale_of(samples);
  add_column(svr->target, samples.targets);
  const std::size_t width = samples.features.size();
  const svm_parameter parameters = parameters_of(options, width);
  const Problem problem(samples, svr->features, svr->target);
  if (const char* wrong = svm_check_parameter(&problem.get(), &parameters)) {
    return fail(ErrorCode::kBadInput, fmt::format("support vector regression: {}", wrong));
  }
  svm_model* model = svm_train(&problem.get(), &parameters);
  svr->gamma = parameters.gamma;
  svr->bias = model->rho[0];
  copy_vectors(*model, width, *svr);
  svm_free_and_destroy_model(&model);
  return std::unique_ptr<Estimator>(std::move(svr));
}

Result<SvrOptions> best_svr_options(const Samples& samples) {
  SvrOptions best;
  double least = std::numeric_limits<double>::infinity();
  for (const double c : {1.0, 10.0, 100.0}) {
    for (const double gamma : {0.03, 0.1, 0.3, 1.0}) {
      const SvrOptions options{c, gamma, SvrOptions{}.epsilon};
      GODWIT_TRY(const double error, judged_error(samples, options));
      if (error < least) {
        least = error;
        best = options;
      }
    }
  }
  return best;
}

Result<std::vector<std::string>> eliminate_features(const Samples& samples) {
  std::vector<std::string> best = samples.features;
  GODWIT_TRY(double least, judged_error(samples, {}));
  if (!std::isfinite(least)) return best;  // one group alone tells nothing
  Samples some = samples;
  while (some.features.size() > 1) {
    some = columns_of(some, without_the_lightest(some));
    GODWIT_TRY(const double error, judged_error(some, {}));
    if (error > least) continue;
    least = error;
    best = some.features;
  }
  return best;
}

Result<std::unique_ptr<Estimator>> svr_from_json(const Json& json) {
  auto svr = std::make_unique<Svr>();
  GODWIT_TRY(svr->features.mean, numbers_in(json, "mean"));
  const std::size_t width = svr->features.mean.size();
  GODWIT_TRY(svr->features.deviation, numbers_in(json, "deviation", width));
  GODWIT_TRY(svr->features.low, numbers_in(json, "low", width));
  GODWIT_TRY(svr->features.high, numbers_in(json, "high", width));
  GODWIT_TRY(svr->target.mean, numbers_in(json, "target_mean", 1));
  GODWIT_TRY(svr->target.deviation, numbers_in(json, "target_deviation", 1));
  GODWIT_TRY(svr->weights, numbers_in(json, "weights"));
  if (!json.contains("vectors") || !json["vectors"].is_array() ||
      json["vectors"].size() != svr->weights.size()) {
    return fail(ErrorCode::kCorrupt, "support vectors and their weights differ in number");
  }
  for (const Json& vector : json["vectors"]) {
    GODWIT_TRY(std::vector<double> numbers, numbers_in(Json{{"vector", vector}}, "vector", width));
    svr->vectors.push_back(std::move(numbers));
  }
  for (const auto& [key, value] : {std::pair{"gamma", &svr->gamma}, {"bias", &svr->bias}}) {
    if (!json.contains(key) || !json[key].is_number()) {
      return fail(ErrorCode::kCorrupt, fmt::format("{} is no number", key));
    }
    *value = json[key].get<double>();
  }
  for (std::size_t k = 0; k < width; ++k) {
    const bool sound =
        svr->features.deviation[k] > 0 && svr->features.low[k] <= svr->features.high[k];
    if (!sound) return fail(ErrorCode::kCorrupt, "a scale is not above 0");
  }
  return std::unique_ptr<Estimator>(std::move(svr));
}

}  // namespace godwit::learn
