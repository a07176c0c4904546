#include "godwit/terminal/table.h"

#include <algorithm>

#include "godwit/terminal/svg.h"

namespace godwit::terminal {

std::size_t width_of(std::string_view utf8) {
  const auto starts_character = [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  };
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), starts_character));
}

std::string Table::text() const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(row[i]));
    }
  }
  std::string text;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < rows_[r].size() && i < widths.size(); ++i) {
      const std::string pad(widths[i] - width_of(rows_[r][i]), ' ');
      line += i == 0 ? "  " + rows_[r][i] + pad : "  " + pad + rows_[r][i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
    if (r != 0) continue;
    for (const std::size_t width : widths) {
      text += "  ";
      for (std::size_t i = 0; i < width; ++i) text += "─";
    }
    text += "\n";
  }
  text.pop_back();
  return text;
}

std::string Table::html() const {
  std::string text = "<table>\n";
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    text += "<tr>";
    const std::string_view cell = r == 0 ? "th" : "td";
    for (const std::string& words : rows_[r]) {
      text.append("<").append(cell).append(">").append(xml_text(words));
      text.append("</").append(cell).append(">");
    }
    text += "</tr>\n";
  }
  return text + "</table>\n";
}

}  // namespace godwit::terminal
