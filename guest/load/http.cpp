#include "godwit/guest/http.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "godwit/guest/quantity.h"

namespace godwit::guest {
namespace {

constexpr std::string_view kEnd = "\r\n\r\n";

bool same_word(std::string_view one, std::string_view other) {
  return std::ranges::equal(one, other, [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_method(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool read_request_line(std::string_view line, HttpRequest& request) {
  const auto words = split(line, ' ');
  if (words.size() != 3 || !is_method(words[0]) || words[1].empty()) return false;
  if (words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0") return false;
  request.keep_alive = words[2] == "HTTP/1.1";
  request.kind = words[0] == "GET"    ? HttpRequest::Kind::kGet
                 : words[0] == "HEAD" ? HttpRequest::Kind::kHead
                                      : HttpRequest::Kind::kOtherMethod;
  return true;
}

bool read_field(std::string_view line, HttpRequest& request) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (same_word(name, "Transfer-Encoding")) return false;
  if (same_word(name, "Content-Length")) return value == "0";
  if (same_word(name, "Connection")) {
    for (const std::string_view option : split(value, ',')) {
      if (same_word(trimmed(option), "close")) request.keep_alive = false;
      if (same_word(trimmed(option), "keep-alive")) request.keep_alive = true;
    }
  }
  return true;
}

bool read_lines(std::string_view head, HttpRequest& request) {
  bool first = true;
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    if (!(first ? read_request_line(line, request) : read_field(line, request))) return false;
    first = false;
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
  }
  return !first;
}

}  // namespace

HttpRequest read_http_request(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, kMostRequestBytes).find(kEnd);
  HttpRequest request;
  if (end == std::string_view::npos) {
    if (bytes.size() < kMostRequestBytes) return request;
    return {HttpRequest::Kind::kBad, bytes.size(), false};
  }
  request.bytes = end + kEnd.size();
  if (!read_lines(bytes.substr(0, end), request)) {
    request.kind = HttpRequest::Kind::kBad;
    request.keep_alive = false;
  }
  return request;
}

std::string http_head(const HttpRequest& request, std::size_t body_bytes) {
  std::string head = "HTTP/1.1 ";
  switch (request.kind) {
    case HttpRequest::Kind::kGet:
    case HttpRequest::Kind::kHead:
      head += "200 OK\r\nContent-Type: application/octet-stream";
      break;
    case HttpRequest::Kind::kOtherMethod:
      head += "405 Method Not Allowed\r\nAllow: GET, HEAD";
      break;
    default:
      head += "400 Bad Request";
  }
  head += "\r\nContent-Length: " + std::to_string(body_bytes);
  head += request.keep_alive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
  return head;
}

}  // namespace godwit::guest
