#pragma once

namespace godwit::cli {

/// The whole program: parses, runs the command, prints, and returns the exit status (cli.md).
int run(int argc, char** argv);

}  // namespace godwit::cli
