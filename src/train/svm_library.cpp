#include "svm_library.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "column_scale.h"
#include "godwit/learn/support_vectors.h"
#include "shared_library.h"

namespace godwit::train {
namespace {

using learn::ColumnScale;
using learn::SupportVectors;

/// Rows as libsvm wants them; they live as long as this.
class Problem {
 public:
  Problem(const LabelledRows& rows, const ColumnScale& features, const ColumnScale& target) {
    const std::size_t width = rows.features.size();
    nodes_.resize(rows.size() * (width + 1));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      svm_node* const row = &nodes_[i * (width + 1)];
      for (std::size_t k = 0; k < width; ++k) {
        row[k] = {static_cast<int>(k + 1), features.scaled(k, rows.rows[i][k])};
      }
      row[width] = {-1, 0};
      rows_.push_back(row);
      labels_.push_back(target.scaled(0, rows.labels[i]));
    }
    problem_.l = static_cast<int>(rows.size());
    problem_.y = labels_.data();
    problem_.x = rows_.data();
  }
  [[nodiscard]] const svm_problem& get() const { return problem_; }

 private:
  std::vector<svm_node> nodes_;
  std::vector<svm_node*> rows_;
  std::vector<double> labels_;
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

void copy_vectors(const svm_model& model, std::size_t width, SupportVectors::Parts& svr) {
  for (int i = 0; i < model.l; ++i) {
    std::vector<double> vector(width, 0);
    for (const svm_node* node = model.SV[i]; node->index >= 0; ++node) {
      vector[static_cast<std::size_t>(node->index - 1)] = node->value;
    }
    svr.vectors.push_back(std::move(vector));
    svr.weights.push_back(model.sv_coef[0][i]);
  }
}

/// libsvm's structs are read here: they are as its header says in just this version.
Result<void> check_version(const SharedLibrary& library) {
  const int* version = nullptr;
  GODWIT_CHECK_OK(library.find("libsvm_version", version));
  if (*version == LIBSVM_VERSION) return {};
  return fail(
      library_error(fmt::format("libsvm is of version {}, not {}", *version, int{LIBSVM_VERSION})));
}

}  // namespace

Result<std::shared_ptr<const SvmLibrary>> SvmLibrary::load() {
  GODWIT_TRY(const SharedLibrary library, SharedLibrary::load(GODWIT_LIBSVM));
  GODWIT_CHECK_OK(check_version(library));
  auto svm = std::make_shared<SvmLibrary>();
  decltype(svm_set_print_string_function)* set_print = nullptr;
  GODWIT_CHECK_OK(library.find("svm_set_print_string_function", set_print));
  GODWIT_CHECK_OK(library.find("svm_check_parameter", svm->check_parameter_));
  GODWIT_CHECK_OK(library.find("svm_train", svm->train_));
  GODWIT_CHECK_OK(library.find("svm_free_and_destroy_model", svm->free_model_));
  set_print([](const char*) {});
  return std::shared_ptr<const SvmLibrary>(std::move(svm));
}

Result<std::unique_ptr<learn::Estimator>> SvmLibrary::train(const LabelledRows& rows,
                                                            const SvrOptions& options) const {
  SupportVectors::Parts svr;
  svr.features = scale_of(rows);
  add_column(svr.target, rows.labels);
  const std::size_t width = rows.features.size();
  const svm_parameter parameters = parameters_of(options, width);
  const Problem problem(rows, svr.features, svr.target);
  if (const char* wrong = check_parameter_(&problem.get(), &parameters)) {
    return fail(ErrorCode::kBadInput, fmt::format("support vector regression: {}", wrong));
  }
  svm_model* model = train_(&problem.get(), &parameters);
  svr.gamma = parameters.gamma;
  svr.bias = model->rho[0];
  copy_vectors(*model, width, svr);
  free_model_(&model);
  return std::unique_ptr<learn::Estimator>(std::make_unique<SupportVectors>(std::move(svr)));
}

}  // namespace godwit::train
