#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "godwit/base/remedy.h"

namespace godwit {

/// What went wrong, in terms of what the caller can do about it.
enum class ErrorCode {
  kBadInput,     ///< the caller's input cannot be meant: correct it
  kNotFound,     ///< the thing named does not exist: check the name
  kBusy,         ///< somebody else holds it: wait, or make them let go
  kUnsupported,  ///< this QEMU, kernel or VM cannot do it: choose another way
  kPermission,   ///< a right is missing: the message names it
  kEnvironment,  ///< a program, package or device is missing: install or enable it
  kTimeout,      ///< no answer in time: the peer may be stuck
  kPeerGone,     ///< the peer closed the connection or its process ended
  kProtocol,     ///< the peer said something that the protocol does not allow
  kRefused,      ///< the peer understood and said no
  kInterrupted,  ///< the user asked to stop: nothing is wrong
  kImpossible,   ///< the intent cannot be met: relax it
  kCorrupt,      ///< stored or received data is torn or of the wrong kind
  kInternal,     ///< an operating-system call failed in a way nobody foresaw
};

/// The code's name as it stands in JSON, e.g. "bad_input".
[[nodiscard]] std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;  ///< one line: what happened, with the value that was wrong
  Remedy what_to_do;    ///< one line: the next step for a person; may be empty inside the house

  /// The same error with a prefix that says what was being done.
  [[nodiscard]] Error while_doing(std::string_view what) const;
};

/// A value or an Error. Derived from tl::expected only to make it [[nodiscard]].
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  Result(tl::expected<T, Error> other)  // NOLINT(google-explicit-constructor): the same thing
      : tl::expected<T, Error>(std::move(other)) {}
};

/// `return fail(ErrorCode::kBadInput, "...", "...")` from any function that returns a Result.
[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message,
                                                Remedy what_to_do = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(what_to_do)});
}
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

/// An Error from errno: EACCES and EPERM become kPermission, ENOENT kNotFound, others kInternal.
[[nodiscard]] Error errno_error(std::string_view what, int errno_value);

}  // namespace godwit

/// Evaluates a Result; returns its error from the enclosing function, or binds its value.
#define GODWIT_CONCAT_INNER(a, b) a##b
#define GODWIT_CONCAT(a, b) GODWIT_CONCAT_INNER(a, b)
#define GODWIT_TRY_IMPL(tmp, declaration, expression)      \
  auto tmp = (expression);                                 \
  if (!tmp) return ::godwit::fail(std::move(tmp).error()); \
  declaration = std::move(*tmp)
#define GODWIT_TRY(declaration, expression) \
  GODWIT_TRY_IMPL(GODWIT_CONCAT(godwit_try_, __LINE__), declaration, expression)
#define GODWIT_CHECK_OK(expression)                                              \
  do {                                                                           \
    auto godwit_result = (expression);                                           \
    if (!godwit_result) return ::godwit::fail(std::move(godwit_result).error()); \
  } while (false)
