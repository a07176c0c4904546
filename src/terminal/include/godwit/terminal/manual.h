#pragma once

#include <string>

/// The man page and the shell completion, made from the definitions that --help shows.

namespace CLI {
class App;
}

namespace godwit::terminal {

[[nodiscard]] std::string man_page(const CLI::App& app);
[[nodiscard]] std::string bash_completion(const CLI::App& app);

}  // namespace godwit::terminal
