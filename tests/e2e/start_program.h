#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace godwit::e2e {

/// What a program is started with beside its words.
struct StartWith {
  std::string log;             ///< where its output goes
  std::string netns{};         ///< the name of a network namespace
  unsigned user = 0;           ///< its uid and gid
  std::vector<int> inherit{};  ///< descriptors that it gets, under their own numbers
};

/// Starts a program, found by $PATH, that ends with this process. The caller ends and waits for it.
[[nodiscard]] pid_t start_program(std::vector<std::string> words, const StartWith& with);

/// The whole file; empty where there is none.
[[nodiscard]] std::string text_of(const std::string& path);
[[nodiscard]] std::string first_line(const std::string& path);

/// A file of the guest's image. Throws where there is no image.
[[nodiscard]] std::string image(const std::string& file);

/// A port that nobody on this host has, nor one of the next few for its disks; each call's is
/// another, and no outgoing connection is given it.
[[nodiscard]] int free_port();

}  // namespace godwit::e2e
