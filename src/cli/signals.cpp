#include "signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>

#include "godwit/base/contract.h"

namespace godwit::cli {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};
constexpr char kSignalled = 's';
constexpr char kHungUp = 'h';
constexpr char kEnd = 'e';
/// Handler → waiter. A handler may only call async-signal-safe functions such as write().
std::atomic<int> write_end{-1};
int read_end = -1;

extern "C" void on_signal(int signal) {
  const int saved = errno;
  const char& message = signal == SIGHUP ? kHungUp : kSignalled;
  [[maybe_unused]] const auto written = ::write(write_end.load(), &message, 1);
  errno = saved;
}

/// What whoever started us ignores stays ignored: nohup's SIGHUP, a script's SIGINT.
void set_handlers(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  for (const int signal : kSignals) {
    struct sigaction before {};
    ::sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);
  }
}

}  // namespace

StopOnSignal::StopOnSignal() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) contract_failure("no pipe for signals");
  read_end = ends[0];
  write_end = ends[1];
  waiter_ = std::thread([this] {
    char message = 0;
    while (::read(read_end, &message, 1) == 1 && message != kEnd) {
      // A terminal that goes away may tell twice, and asks for nothing.
      if (source_.stop_requested() && message != kHungUp) {
        std::fputs(
            "\ngodwit: still giving things back; it ends by itself, and no longer watches a "
            "migration that can't be cancelled\n",
            stderr);
        leave_.request_stop();
      }
      source_.request_stop();
    }
  });
  set_handlers(on_signal);
}

StopOnSignal::~StopOnSignal() {
  set_handlers(SIG_DFL);
  [[maybe_unused]] const auto written = ::write(write_end.load(), &kEnd, 1);
  waiter_.join();
  ::close(read_end);
  ::close(write_end.exchange(-1));
}

}  // namespace godwit::cli
