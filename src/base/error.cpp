#include "godwit/base/error.h"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

#include "godwit/base/contract.h"

namespace godwit {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadInput:
      return "bad_input";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kBusy:
      return "busy";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kPermission:
      return "permission";
    case ErrorCode::kEnvironment:
      return "environment";
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kPeerGone:
      return "peer_gone";
    case ErrorCode::kProtocol:
      return "protocol";
    case ErrorCode::kRefused:
      return "refused";
    case ErrorCode::kInterrupted:
      return "interrupted";
    case ErrorCode::kImpossible:
      return "impossible";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kInternal:
      return "internal";
  }
  contract_failure("unknown ErrorCode");
}

Error Error::while_doing(std::string_view what) const {
  return {code, fmt::format("{}: {}", what, message), what_to_do};
}

Error errno_error(std::string_view what, int errno_value) {
  ErrorCode code = ErrorCode::kInternal;
  if (errno_value == EACCES || errno_value == EPERM) code = ErrorCode::kPermission;
  if (errno_value == ENOENT) code = ErrorCode::kNotFound;
  return {code, fmt::format("{}: {}", what, std::generic_category().message(errno_value)), {}};
}

}  // namespace godwit
