#include "godwit/terminal/html_page.h"

#include <fmt/format.h>

#include "godwit/terminal/svg.h"

namespace godwit::terminal {
namespace {

/// The colours and measures of a report's page (web/report/src/style.css).
constexpr std::string_view kStyle = R"(
body { margin: 0 auto; max-width: 1180px; padding: 1.75rem 1.25rem; background: #ffffff; color: #1b2027;
  font: 15px / 1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 0.4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 1.6rem 0 0.4rem; }
pre { background: #f6f7f9; border: 1px solid #d3d8de; padding: 0.6rem 0.8rem; white-space: pre-wrap;
  overflow-wrap: anywhere; }
table { border-collapse: collapse; margin: 0.4rem 0 0.8rem; }
th, td { padding: 0.2rem 0.8rem; text-align: right; border-bottom: 1px solid #e4e7eb; }
th:first-child, td:first-child { text-align: left; }
th { color: #5b6570; font-weight: 600; }
svg { display: block; max-width: 46rem; width: 100%; }
.wide svg { max-width: none; }
)";

}  // namespace

std::string html_page(std::string_view title, std::string_view body) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n"
      "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n{2}</body>\n"
      "</html>\n",
      xml_text(title), kStyle, body);
}

}  // namespace godwit::terminal
