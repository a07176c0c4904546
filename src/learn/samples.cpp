#include "godwit/learn/samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace godwit::learn {

Result<void> check(const Samples& samples) {
  const auto bad = [](std::string what) { return fail(ErrorCode::kBadInput, std::move(what)); };
  if (samples.rows.empty()) return bad("there are no rows to learn from");
  if (samples.targets.size() != samples.size() || samples.groups.size() != samples.size()) {
    return bad("rows, targets and groups differ in number");
  }
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (samples.rows[i].size() != samples.features.size()) {
      return bad(fmt::format("row {} has {} values, but there are {} features", i + 1,
                             samples.rows[i].size(), samples.features.size()));
    }
    if (!std::isfinite(samples.targets[i])) {
      return bad(fmt::format("row {}: what came of it is no number", i + 1));
    }
    for (std::size_t k = 0; k < samples.features.size(); ++k) {
      if (std::isinf(samples.rows[i][k])) {
        return bad(fmt::format("row {}: {} is infinite", i + 1, samples.features[k]));
      }
    }
  }
  return {};
}

Samples rows_of(const Samples& samples, const std::vector<std::size_t>& rows) {
  Samples some;
  some.features = samples.features;
  for (const std::size_t row : rows) {
    some.rows.push_back(samples.rows[row]);
    some.targets.push_back(samples.targets[row]);
    some.groups.push_back(samples.groups[row]);
  }
  return some;
}

Samples columns_of(const Samples& samples, const std::vector<std::string>& features) {
  std::vector<std::size_t> columns;
  for (const std::string& feature : features) {
    const auto found = std::find(samples.features.begin(), samples.features.end(), feature);
    if (found != samples.features.end()) {
      columns.push_back(static_cast<std::size_t>(found - samples.features.begin()));
    }
  }
  Samples some;
  some.targets = samples.targets;
  some.groups = samples.groups;
  for (const std::size_t column : columns) some.features.push_back(samples.features[column]);
  for (const std::vector<double>& row : samples.rows) {
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
      return a.judged.size() < b.judged.size();
    });
    least.judged.insert(least.judged.end(), rows.begin(), rows.end());
  }
  for (Fold& fold : folds) {
    std::sort(fold.judged.begin(), fold.judged.end());
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (!std::binary_search(fold.judged.begin(), fold.judged.end(), i))
        fold.training.push_back(i);
    }
  }
  return folds;
}

}  // namespace godwit::learn
