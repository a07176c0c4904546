// As much of HTTP/1.1 (RFC 9112) as serving one page needs.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace godwit::guest {

inline constexpr std::size_t kMostRequestBytes = 8192;

// What stands at the beginning of a connection's bytes.
struct HttpRequest {
  enum class Kind {
    kUnfinished,  // more bytes are needed
    kGet,
    kHead,
    kOtherMethod,  // answered with 405
    kBad           // answered with 400; the connection ends, as nobody knows where the next begins
  };
  Kind kind = Kind::kUnfinished;
  std::size_t bytes = 0;   // that it takes up; 0 while unfinished
  bool keep_alive = true;  // HTTP/1.1 does unless told otherwise, 1.0 does not
};

// A request with a body is kBad: none has a use for one here. Pure.
[[nodiscard]] HttpRequest read_http_request(std::string_view bytes);

// Head of the answer, with `body_bytes` as its length; the body follows only a GET.
[[nodiscard]] std::string http_head(const HttpRequest& request, std::size_t body_bytes);

}  // namespace godwit::guest
