#pragma once

#include <stop_token>
#include <thread>

namespace godwit::cli {

/// Turns SIGINT, SIGTERM and SIGHUP into a stop request, so that every command ends by its own
/// path and gives back what it borrowed; where one of them was ignored from the start, it stays so
/// (nohup). A second SIGINT or SIGTERM asks not to wait for what can't be stopped.
/// One object per process, made before other threads.
class StopOnSignal {
 public:
  StopOnSignal();
  ~StopOnSignal();
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
  [[nodiscard]] std::stop_token leave() const { return leave_.get_token(); }

 private:
  std::stop_source source_;
  std::stop_source leave_;
  std::thread waiter_;
};

}  // namespace godwit::cli
