#include "godwit/terminal/shipped_files.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

namespace godwit::terminal {

namespace fs = std::filesystem;

Result<std::string> read_text(const fs::path& path, const std::string& what_to_do) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (file && text) return text.str();
  return fail(ErrorCode::kNotFound, fmt::format("'{}' cannot be read", path.native()), what_to_do);
}

Result<std::string> report_page() {
  return read_text(beside_program("web/report.html", "report.html"),
                   "make the report's page first: ./dev page (it needs node and npm)");
}

fs::path beside_program(const fs::path& in_source_tree, const fs::path& installed) {
  std::error_code none;
  const fs::path program = fs::read_symlink("/proc/self/exe", none).parent_path();
  const fs::path near = program / in_source_tree;
  return fs::exists(near, none) ? near : fs::path("/usr/share/godwit") / installed;
}

fs::path named_toml(const std::string& folder, const std::string& name) {
  if (name.find_first_of("/.") != std::string::npos) return name;
  return beside_program(fs::path("..") / folder, folder) / (name + ".toml");
}

}  // namespace godwit::terminal
