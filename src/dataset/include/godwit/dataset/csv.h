#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"

/// Tables of measured migrations, as others and Godwit keep them. Pure.

namespace godwit::dataset {

/// A table with a header (RFC 4180): quoted fields may hold commas, quotes and line ends.
class CsvTable {
 public:
  /// kCorrupt: no header, two columns of one name, a quote that never ends or stands inside of a
  /// field, a row with more or fewer fields than the header.
  static Result<CsvTable> parse(std::string_view text);

  [[nodiscard]] std::size_t rows() const {
    return columns_.empty() ? 0 : cells_.size() / columns_.size();
  }
  /// kCorrupt, with the names of those that exist: no such column.
  [[nodiscard]] Result<std::size_t> column(std::string_view name) const;
  [[nodiscard]] const std::vector<std::string>& columns() const { return columns_; }
  [[nodiscard]] const std::string& at(std::size_t row, std::size_t column) const {
    return cells_[row * columns_.size() + column];
  }

 private:
  std::vector<std::string> columns_;
  std::vector<std::string> cells_;
};

/// One row, its fields by name and as values. The first error stays, so that a row is read as a
/// whole and asked once.
class CsvRow {
 public:
  CsvRow(const CsvTable& table, std::size_t row) : table_(table), row_(row) {}

  const std::string& text(std::string_view column);
  /// A finite number that is not negative; 0 after an error.
  double number(std::string_view column);
  std::int64_t count(std::string_view column);
  /// Nothing where the field is empty.
  std::optional<double> optional_number(std::string_view column);
  /// Numbers that may be negative.
  double signed_number(std::string_view column);
  std::optional<double> optional_signed(std::string_view column);
  Bytes bytes(std::string_view column) { return Bytes(count(column)); }
  PageCount pages(std::string_view column) { return PageCount(count(column)); }
  Seconds milliseconds(std::string_view column) { return Seconds(number(column) * 1e-3); }
  std::optional<Seconds> optional_milliseconds(std::string_view column);
  /// Whole numbers with spaces between them.
  std::vector<std::int64_t> counts(std::string_view column);

  /// kCorrupt: the first field that was missing or of the wrong kind, with its row.
  [[nodiscard]] Result<void> good() const;

 private:
  void note(std::string_view column, std::string_view value, std::string_view wanted);

  const CsvTable& table_;
  std::size_t row_;
  std::optional<Error> error_;
};

}  // namespace godwit::dataset
