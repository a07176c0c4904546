#pragma once

#include <filesystem>
#include <string>

#include "godwit/base/error.h"

/// Files that come with godwit.

namespace godwit::terminal {

/// The whole file; kNotFound with that advice.
Result<std::string> read_text(const std::filesystem::path& path, const std::string& what_to_do);

/// The page into which `godwit bench report` puts its data. It is not part of the build, as making
/// it needs node: kNotFound says how it is made.
Result<std::string> report_page();

/// They lie beside the program, or where a package puts them.
std::filesystem::path beside_program(const std::filesystem::path& in_source_tree,
                                     const std::filesystem::path& installed);

/// A file's name as it is; a bare name is that of a file in this folder of godwit's.
std::filesystem::path named_toml(const std::string& folder, const std::string& name);

}  // namespace godwit::terminal
