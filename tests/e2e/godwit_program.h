#pragma once

#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "temporary_folder.h"

#include "godwit/base/json.h"

namespace godwit::e2e {

/// How a run of the program ended, and all that it printed.
struct Finished {
  int status = -1;  ///< exit status, or 128 + the signal that ended it
  std::string out;
  std::string err;

  /// stdout as the one JSON object of --json; a null value when it is none.
  [[nodiscard]] Json json() const { return Json::parse(out, nullptr, false); }
};

/// The built program, running beside the test.
class GodwitProgram {
 public:
  explicit GodwitProgram(const std::vector<std::string>& arguments);
  ~GodwitProgram();  ///< kills it if it still runs
  GodwitProgram(const GodwitProgram&) = delete;
  GodwitProgram& operator=(const GodwitProgram&) = delete;

  void signal(int number) const;
  [[nodiscard]] bool ended();  ///< wait() will not have to wait
  /// Returns once it has printed that on stdout; throws if it never does.
  void await_said(std::string_view words);
  [[nodiscard]] Finished wait();

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  Finished said_;  ///< so far
};

[[nodiscard]] Finished run_godwit(const std::vector<std::string>& arguments);

/// What of ours exists on this machine now: namespaces, QEMUs, taps, files in run folders. Equal
/// before and after is what "nothing is left" means.
[[nodiscard]] std::vector<std::string> traces();

}  // namespace godwit::e2e
