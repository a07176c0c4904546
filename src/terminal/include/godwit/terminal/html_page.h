#pragma once

#include <string>
#include <string_view>

namespace godwit::terminal {

/// One HTML file that needs nothing beside it, asks for nothing, and runs nothing. `title` is text,
/// and its first heading; `body` is markup, in which pictures may be SVG. Pure.
[[nodiscard]] std::string html_page(std::string_view title, std::string_view body);

}  // namespace godwit::terminal
