#include "godwit/train/labelled_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace godwit::train {

Result<void> check(const LabelledRows& labelled) {
  const auto bad = [](std::string what) { return fail(ErrorCode::kBadInput, std::move(what)); };
  if (labelled.rows.empty()) return bad("there are no rows to learn from");
  if (labelled.labels.size() != labelled.size() || labelled.groups.size() != labelled.size()) {
    return bad("rows, labels and groups differ in number");
  }
  for (std::size_t i = 0; i < labelled.size(); ++i) {
    if (labelled.rows[i].size() != labelled.features.size()) {
      return bad(fmt::format("row {} has {} values, but there are {} features", i + 1,
                             labelled.rows[i].size(), labelled.features.size()));
    }
    if (!std::isfinite(labelled.labels[i])) {
      return bad(fmt::format("row {}: what came of it is no number", i + 1));
    }
    for (std::size_t k = 0; k < labelled.features.size(); ++k) {
      if (std::isinf(labelled.rows[i][k])) {
        return bad(fmt::format("row {}: {} is infinite", i + 1, labelled.features[k]));
      }
    }
  }
  return {};
}

LabelledRows rows_of(const LabelledRows& labelled, const std::vector<std::size_t>& rows) {
  LabelledRows some;
  some.features = labelled.features;
  for (const std::size_t row : rows) {
    some.rows.push_back(labelled.rows[row]);
    some.labels.push_back(labelled.labels[row]);
    some.groups.push_back(labelled.groups[row]);
  }
  return some;
}

LabelledRows columns_of(const LabelledRows& labelled, const std::vector<std::string>& features) {
  std::vector<std::size_t> columns;
  for (const std::string& feature : features) {
    const auto found = std::find(labelled.features.begin(), labelled.features.end(), feature);
    if (found != labelled.features.end()) {
      columns.push_back(static_cast<std::size_t>(found - labelled.features.begin()));
    }
  }
  LabelledRows some;
  some.labels = labelled.labels;
  some.groups = labelled.groups;
  for (const std::size_t column : columns) some.features.push_back(labelled.features[column]);
  for (const std::vector<double>& row : labelled.rows) {
    std::vector<double> narrow;
    for (const std::size_t column : columns) narrow.push_back(row[column]);
    some.rows.push_back(std::move(narrow));
  }
  return some;
}

std::vector<Fold> folds_of(const std::vector<std::string>& groups, std::size_t count) {
  std::map<std::string, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < groups.size(); ++i) members[groups[i]].push_back(i);
  if (members.size() < 2) return {};
  std::vector<std::vector<std::size_t>> by_size;
  for (auto& [name, rows] : members) by_size.push_back(std::move(rows));
  std::stable_sort(by_size.begin(), by_size.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  std::vector<Fold> folds(std::min(count, by_size.size()));
  for (const auto& rows : by_size) {
    auto& least = *std::min_element(folds.begin(), folds.end(), [](const Fold& a, const Fold& b) {
      return a.test.size() < b.test.size();
    });
    least.test.insert(least.test.end(), rows.begin(), rows.end());
  }
  for (Fold& fold : folds) {
    std::sort(fold.test.begin(), fold.test.end());
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (!std::binary_search(fold.test.begin(), fold.test.end(), i)) fold.training.push_back(i);
    }
  }
  return folds;
}

}  // namespace godwit::train
