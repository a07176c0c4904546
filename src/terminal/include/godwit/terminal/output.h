#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "godwit/base/error.h"
#include "godwit/base/json.h"

namespace godwit::terminal {

/// Exit statuses of the contract (cli.md).
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kBadUsage = 2;
inline constexpr int kBadEnvironment = 3;
[[nodiscard]] int exit_status(ErrorCode code);

/// Where a command's words go. With --json, stdout carries exactly one object; people's text then
/// goes nowhere. Without, text goes to stdout and errors to stderr.
class Output {
 public:
  explicit Output(bool json) : json_(json) {}

  [[nodiscard]] bool json() const { return json_; }
  /// Where a progress bar is drawn: stdout, or stderr with --json, where a person watches it; else
  /// null.
  [[nodiscard]] std::FILE* bar_stream() const;
  /// A line for people; with --json nothing.
  void say(std::string_view line);
  /// From now on --json is an object a line: any number of `line`, and then the result.
  void begin_lines() { lines_ = json_; }
  /// The same also without --json, where stdout is no terminal: for commands whose result is a
  /// stream.
  void begin_stream();
  [[nodiscard]] bool lines() const { return lines_; }
  /// An object before the result, where lines have begun; else nothing.
  void line(const Json& object);
  /// The one object of --json; without it nothing.
  void result(const Json& object);
  /// Reports the error in the asked form, with the code by which docs/troubleshooting.md lists it,
  /// and gives the exit status. `partial`: members that the
  /// object should carry beside `.error`, e.g. the prediction that shows why an intent is
  /// impossible.
  int error(const Error& error, const Json& partial = Json());

 private:
  bool json_;
  bool lines_ = false;
};

}  // namespace godwit::terminal
