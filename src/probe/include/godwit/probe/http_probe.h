#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/probe/http_latency.h"

namespace godwit::probe {

struct HttpProbeOptions {
  std::string target;  ///< IPv4 address
  int port = 80;
  /// Ask from this network namespace (a path such as /run/netns/NAME).
  std::optional<std::string> netns{};
  Seconds interval{0.01};  ///< between two requests; above zero
  Seconds timeout{5};      ///< after it was due, an unanswered request has failed
};

struct HttpReport {
  std::vector<HttpSample> samples;  ///< every request from the first that was answered on
  std::string trouble;              ///< why the newest that failed did; empty: none did
};

/// Asks for a page (`GET /`) at a steady rate, over one connection that is kept, and notes how long
/// each answer took. An open loop: requests fall due with the clock. One that has to wait for an
/// earlier one's answer is sent late, but its latency counts from when it was due, so that an
/// outage is not seen by one request alone ("coordinated omission"). A connection that ends is
/// made anew; a request whose answer is cut off or no page with status 200 has failed.
///
/// A client of its own and not cpp-httplib, because that keeps a header of any length in memory,
/// has no deadline for an answer that trickles in, can't tell when it arrived by the kernel's
/// clock, and can't be stopped in the middle.
///
/// One thread of its own between start() and stop(), which are called from one other. Memory: 24 B
/// a request, for at most 360,000 (an hour at 100/s); then it asks no more.
class HttpProbe {
 public:
  explicit HttpProbe(HttpProbeOptions options);
  ~HttpProbe();
  HttpProbe(const HttpProbe&) = delete;
  HttpProbe& operator=(const HttpProbe&) = delete;

  /// Returns once a page has come; kTimeout when none does within `patience`, with what came
  /// instead. A probe is started once.
  Result<void> start(Seconds patience);
  /// Ends asking. Late answers are awaited for up to `linger`; then, what is open has failed.
  Result<HttpReport> stop(Seconds linger);

 private:
  class Worker;
  HttpProbeOptions options_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace godwit::probe
