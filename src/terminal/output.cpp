#include "godwit/terminal/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "godwit/base/json.h"
#include "godwit/codec/codec.h"
#include "godwit/terminal/spelling.h"

namespace godwit::terminal {
namespace {

/// A terminal or pipe that went away loses the line, and nothing else.
void write_line(std::FILE* stream, std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stream);
  std::fputc('\n', stream);
  std::fflush(stream);
}

}  // namespace

int exit_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadInput:
    case ErrorCode::kNotFound:
    case ErrorCode::kBusy:
    case ErrorCode::kRefused:
    case ErrorCode::kProtocol:
    case ErrorCode::kCorrupt:
    case ErrorCode::kImpossible:
      return kBadUsage;
    case ErrorCode::kUnsupported:
    case ErrorCode::kPermission:
    case ErrorCode::kEnvironment:
      return kBadEnvironment;
    case ErrorCode::kInterrupted:
    case ErrorCode::kTimeout:
    case ErrorCode::kPeerGone:
    case ErrorCode::kInternal:
      return kFailed;
  }
  return kFailed;
}

std::FILE* Output::bar_stream() const {
  std::FILE* const wanted = json_ ? stderr : stdout;
  return ::isatty(::fileno(wanted)) == 1 ? wanted : nullptr;
}

void Output::say(std::string_view line) {
  if (json_) return;
  write_line(stdout, line);
}

void Output::begin_stream() {
  lines_ = json_ || ::isatty(::fileno(stdout)) != 1;
}

void Output::line(const Json& object) {
  if (lines()) write_line(stdout, json_text(object));
}

void Output::result(const Json& object) {
  if (!json_) return;
  write_line(stdout, lines_ ? json_text(object) : json_text(object, 2));
}

int Output::error(const Error& error, const Json& partial) {
  const Error said = spelt(error);
  if (json_) {
    Json object = to_json(said);
    if (partial.is_object()) object.update(partial);
    result(object);
  } else {
    write_line(stderr,
               fmt::format("godwit: {}{}{} [{}]", said.message, said.what_to_do.empty() ? "" : "; ",
                           said.what_to_do.text(), to_string(said.code)));
  }
  return exit_status(error.code);
}

}  // namespace godwit::terminal
