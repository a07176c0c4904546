#include <string>

#include "godwit/guest/http.h"
#include "godwit/guest/random.h"
#include "load.h"
#include "stream_server.h"

namespace godwit::guest {
namespace {

constexpr std::size_t kMostClients = 256;

class HttpSession final : public Session {
 public:
  HttpSession(const std::string& page, Counters& counters) : page_(page), counters_(counters) {}

  bool take(std::string& input, std::string& output) override {
    const HttpRequest request = read_http_request(input);
    using Kind = HttpRequest::Kind;
    if (request.kind == Kind::kUnfinished) return true;
    input.erase(0, request.bytes);
    const bool served = request.kind == Kind::kGet || request.kind == Kind::kHead;
    output += http_head(request, served ? page_.size() : 0);
    if (request.kind == Kind::kGet) output += page_;
    if (served) add(counters_.work, 1);
    return request.keep_alive;
  }

 private:
  const std::string& page_;
  Counters& counters_;
};

class Http final : public Load {
 public:
  Http(const LoadSpec& spec, const LoadContext& context)
      : page_(static_cast<std::size_t>(spec.page_bytes), '\0'),
        server_(spec.port, kMostClients, [this, &counters = context.counters] {
          return std::make_unique<HttpSession>(page_, counters);
        }) {
    Random random(context.seed);
    for (char& c : page_) c = static_cast<char>(random.next() & 0xff);
  }

  void run(const Until& until) override { server_.run(until); }

 private:
  std::string page_;
  StreamServer server_;
};

}  // namespace

std::unique_ptr<Load> make_http(const LoadSpec& spec, const LoadContext& context) {
  return std::make_unique<Http>(spec, context);
}

}  // namespace godwit::guest
