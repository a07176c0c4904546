#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace godwit::probe {

/// Reads one answer of HTTP/1.1 to a GET, as it comes in pieces. Keeps its head, up to 16 KiB, and
/// nothing of its page. Pure.
class HttpAnswer {
 public:
  enum class State { kUnfinished, kDone, kBroken };

  /// kBroken: no HTTP, another status than 200, no Content-Length, more bytes than it announced.
  State feed(std::string_view bytes);
  /// Once kDone: may the connection be used again?
  [[nodiscard]] bool keeps_alive() const { return keeps_alive_; }
  /// Once kBroken: why.
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  State read_head();
  State read_page(std::size_t bytes);
  State broken(std::string why);

  std::string head_;
  bool in_page_ = false;
  std::size_t left_ = 0;  ///< of the page
  bool keeps_alive_ = true;
  std::string why_;
};

}  // namespace godwit::probe
