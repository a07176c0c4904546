#pragma once

#include <array>
#include <string>
#include <string_view>

/// What pictures have in common: each is one SVG file that needs nothing beside it.

namespace godwit::terminal {

/// Okabe and Ito's colours, which are told apart by the colour-blind, too.
inline constexpr std::array<std::string_view, 8> kColours{
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"};

/// Fit for an element's text and for an attribute in double quotes; what XML forbids is left out.
[[nodiscard]] std::string xml_text(std::string_view text);

/// Between two marks of an axis that ends at `end` and takes at most so many: 1, 2 or 5 of a power
/// of ten.
[[nodiscard]] double tick_step(double end, double most);

/// The whole file, on white; `title` for people.
[[nodiscard]] std::string svg_file(int width, int height, std::string_view title,
                                   std::string_view body);

}  // namespace godwit::terminal
