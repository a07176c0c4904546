#pragma once

#include <CLI/CLI.hpp>
#include <string>

/// The man page and the shell completion, made from the definitions that --help shows.

namespace godwit::cli {

[[nodiscard]] std::string man_page(const CLI::App& app);
[[nodiscard]] std::string bash_completion(const CLI::App& app);

}  // namespace godwit::cli
