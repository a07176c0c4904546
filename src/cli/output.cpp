#include "output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace godwit::cli {

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
    case ErrorCode::kTimeout:
    case ErrorCode::kPeerGone:
    case ErrorCode::kInternal:
      return kFailed;
  }
  return kFailed;
}

bool Output::live() const {
  return !json_ && ::isatty(STDOUT_FILENO) == 1;
}

void Output::say(std::string_view line) {
  if (json_) return;
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

void Output::result(const Json& object) {
  if (!json_) return;
  fmt::print("{}\n", object.dump(2, ' ', false, Json::error_handler_t::replace));
  std::fflush(stdout);
}

int Output::error(const Error& error, const Json& partial) {
  if (json_) {
    Json object = to_json(error);
    if (partial.is_object()) object.update(partial);
    result(object);
  } else {
    fmt::print(stderr, "godwit: {}{}{}\n", error.message, error.what_to_do.empty() ? "" : "; ",
               error.what_to_do);
  }
  return exit_status(error.code);
}

}  // namespace godwit::cli
