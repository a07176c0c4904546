#include "godwit/guest/http.h"

#include <gtest/gtest.h>

namespace godwit::guest {
namespace {

TEST(Http, ReadsARequestAndLeavesTheNextAlone) {
  const std::string get = "GET / HTTP/1.1\r\nHost: 10.77.0.100\r\n\r\n";
  const HttpRequest request = read_http_request(get + get);
  EXPECT_EQ(request.kind, HttpRequest::Kind::kGet);
  EXPECT_EQ(request.bytes, get.size());
  EXPECT_TRUE(request.keep_alive);
}

TEST(Http, WaitsForTheRest) {
  const std::string get = "GET /page HTTP/1.1\r\nHost: x\r\n\r\n";
  for (std::size_t size = 0; size < get.size(); ++size) {
    EXPECT_EQ(read_http_request(get.substr(0, size)).kind, HttpRequest::Kind::kUnfinished) << size;
  }
}

TEST(Http, KeepsOrClosesAsAsked) {
  EXPECT_TRUE(read_http_request("GET / HTTP/1.1\r\n\r\n").keep_alive);
  EXPECT_FALSE(read_http_request("GET / HTTP/1.0\r\n\r\n").keep_alive);
  EXPECT_FALSE(read_http_request("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n").keep_alive);
  EXPECT_TRUE(read_http_request("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").keep_alive);
}

TEST(Http, KnowsOtherMethods) {
  EXPECT_EQ(read_http_request("HEAD / HTTP/1.1\r\n\r\n").kind, HttpRequest::Kind::kHead);
  EXPECT_EQ(read_http_request("DELETE / HTTP/1.1\r\n\r\n").kind, HttpRequest::Kind::kOtherMethod);
  EXPECT_EQ(read_http_request("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n").kind,
            HttpRequest::Kind::kOtherMethod);
}

TEST(Http, RefusesWhatItCannotFollow) {
  for (const char* text :
       {"\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/2\r\n\r\n", "get / HTTP/1.1\r\n\r\n",
        "GET  HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    const HttpRequest request = read_http_request(text);
    EXPECT_EQ(request.kind, HttpRequest::Kind::kBad) << text;
    EXPECT_FALSE(request.keep_alive) << text;
  }
  EXPECT_EQ(read_http_request(std::string(kMostRequestBytes, 'a')).kind, HttpRequest::Kind::kBad);
}

TEST(Http, AnswersWithItsLength) {
  EXPECT_EQ(http_head({HttpRequest::Kind::kGet, 10, true}, 4096),
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
            "Content-Length: 4096\r\n\r\n");
  EXPECT_EQ(http_head({HttpRequest::Kind::kBad, 10, false}, 0),
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

}  // namespace
}  // namespace godwit::guest
