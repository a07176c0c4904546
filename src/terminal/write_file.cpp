#include "godwit/terminal/write_file.h"

#include <fmt/format.h>

#include <unistd.h>

#include <fstream>

#include "godwit/base/foreign_file.h"

namespace godwit::terminal {

Result<void> write_file(const std::filesystem::path& path, std::string_view text) {
  GODWIT_CHECK_OK(refuse_foreign_link(path, ::geteuid()));
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (file) return {};
  return fail(ErrorCode::kEnvironment, fmt::format("'{}' could not be written", path.native()),
              "choose a place that you may write to, with room left");
}

}  // namespace godwit::terminal
