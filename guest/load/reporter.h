// The thread that sends a line every 100 ms.
#pragma once

#include <mutex>
#include <string>

#include "clock.h"
#include "stop.h"
#include "telemetry.h"

namespace godwit::guest {

inline constexpr std::int64_t kReportNs = 100 * kNsPerMs;

class Reporter {
 public:
  // A serial device is set to raw mode and 115200 baud; a plain file is appended to; "-" is
  // standard output. Throws std::system_error.
  explicit Reporter(const std::string& path);
  ~Reporter();
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  void run(const StopSignal& stop, Telemetry& telemetry);
  // The newest line, also where the device was too slow for it. From any thread.
  [[nodiscard]] std::string newest();

 private:
  void send(Telemetry& telemetry);
  void flush();

  int fd_;
  bool failed_ = false;
  std::int64_t seq_ = 0;
  LineBuffer line_;
  std::mutex newest_mutex_;
  std::string newest_;
};

}  // namespace godwit::guest
