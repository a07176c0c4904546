#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace godwit::terminal {

/// Columns of text: the first column is left-aligned, the others right-aligned.
/// Widths count UTF-8 characters, not bytes.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  /// Lines with a rule under the header, without a trailing newline.
  [[nodiscard]] std::string text() const;
  /// The same as HTML.
  [[nodiscard]] std::string html() const;
  [[nodiscard]] bool empty() const { return rows_.size() < 2; }

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// Characters that a UTF-8 text takes on a terminal (combining and wide ones are not used here).
[[nodiscard]] std::size_t width_of(std::string_view utf8);

}  // namespace godwit::terminal
