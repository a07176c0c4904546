#include "godwit/dataset/csv.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

namespace godwit::dataset {
namespace {

/// Reads fields one after another.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  [[nodiscard]] bool done() const { return at_ == text_.size(); }
  [[nodiscard]] std::size_t line() const { return line_; }

  /// The fields of the next line. kCorrupt: quotes.
  Result<std::vector<std::string>> record() {
    std::vector<std::string> fields;
    while (true) {
      GODWIT_TRY(std::string field, quoted() ? inside_quotes() : plain());
      fields.push_back(std::move(field));
      if (done()) break;
      const char end = text_[at_];
      if (end == '\r') ++at_;
      if (end != ',') {
        if (!done() && text_[at_] == '\n') ++at_;
        break;
      }
      ++at_;
    }
    ++line_;
    return fields;
  }

 private:
  [[nodiscard]] bool quoted() const { return !done() && text_[at_] == '"'; }

  Result<std::string> plain() {
    const std::size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
    const std::string_view field = text_.substr(at_, end - at_);
    at_ = end;
    if (field.find('"') != std::string_view::npos) {
      return fail(ErrorCode::kCorrupt, fmt::format("line {}: a quote inside of a field", line_));
    }
    return std::string(field);
  }

  Result<std::string> inside_quotes() {
    std::string field;
    for (++at_; !done(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] != '"') {
        field += text_[at_];
        continue;
      }
      if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        field += '"';
        ++at_;
        continue;
      }
      ++at_;
      const bool ends = done() || text_[at_] == ',' || text_[at_] == '\r' || text_[at_] == '\n';
      if (ends) return field;
      return fail(ErrorCode::kCorrupt, fmt::format("line {}: text after a quoted field", line_));
    }
    return fail(ErrorCode::kCorrupt, fmt::format("line {}: a quote that never ends", line_));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

template <class T>
std::optional<T> parse_whole(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Result<CsvTable> CsvTable::parse(std::string_view text) {
  Scanner scanner(text);
  CsvTable table;
  if (scanner.done()) return fail(ErrorCode::kCorrupt, "an empty table");
  GODWIT_TRY(table.columns_, scanner.record());
  if (std::set(table.columns_.begin(), table.columns_.end()).size() != table.columns_.size()) {
    return fail(ErrorCode::kCorrupt, "two columns of one name");
  }
  while (!scanner.done()) {
    const std::size_t line = scanner.line();
    GODWIT_TRY(std::vector<std::string> fields, scanner.record());
    if (fields.size() != table.columns_.size()) {
      return fail(ErrorCode::kCorrupt, fmt::format("line {}: {} fields, but {} columns", line,
                                                   fields.size(), table.columns_.size()));
    }
    std::move(fields.begin(), fields.end(), std::back_inserter(table.cells_));
  }
  return table;
}

Result<std::size_t> CsvTable::column(std::string_view name) const {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  if (found != columns_.end()) return static_cast<std::size_t>(found - columns_.begin());
  return fail(ErrorCode::kCorrupt,
              fmt::format("no column {} among {}", name, fmt::join(columns_, ", ")));
}

const std::string& CsvRow::text(std::string_view column) {
  static const std::string kNone;
  const auto index = table_.column(column);
  if (index) return table_.at(row_, *index);
  if (!error_) error_ = index.error();
  return kNone;
}

void CsvRow::note(std::string_view column, std::string_view value, std::string_view wanted) {
  if (error_) return;
  error_ = Error{
      ErrorCode::kCorrupt,
      fmt::format("row {}: {} is \"{}\", not {}", row_ + 1, column, value.substr(0, 40), wanted),
      {}};
}

double CsvRow::number(std::string_view column) {
  const std::string& value = text(column);
  const auto number = parse_whole<double>(value);
  if (number && std::isfinite(*number) && *number >= 0) return *number;
  note(column, value, "a number of at least 0");
  return 0;
}

std::optional<double> CsvRow::optional_number(std::string_view column) {
  if (text(column).empty()) return std::nullopt;
  return number(column);
}

double CsvRow::signed_number(std::string_view column) {
  const std::string& value = text(column);
  const auto number = parse_whole<double>(value);
  if (number && std::isfinite(*number)) return *number;
  note(column, value, "a number");
  return 0;
}

std::optional<double> CsvRow::optional_signed(std::string_view column) {
  if (text(column).empty()) return std::nullopt;
  return signed_number(column);
}

std::optional<Seconds> CsvRow::optional_milliseconds(std::string_view column) {
  if (text(column).empty()) return std::nullopt;
  return milliseconds(column);
}

std::int64_t CsvRow::count(std::string_view column) {
  const std::string& value = text(column);
  const auto number = parse_whole<std::int64_t>(value);
  if (number && *number >= 0) return *number;
  note(column, value, "a whole number of at least 0");
  return 0;
}

std::vector<std::int64_t> CsvRow::counts(std::string_view column) {
  std::vector<std::int64_t> numbers;
  std::string_view rest = text(column);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const auto number = parse_whole<std::int64_t>(rest.substr(0, end));
    if (!number || *number < 0) {
      note(column, rest, "whole numbers with spaces between them");
      return {};
    }
    numbers.push_back(*number);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return numbers;
}

Result<void> CsvRow::good() const {
  if (error_) return fail(*error_);
  return {};
}

}  // namespace godwit::dataset
