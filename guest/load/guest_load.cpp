// guest-load: makes described loads inside a guest and reports on them.
#include <signal.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "clock.h"
#include "control_server.h"
#include "engine.h"
#include "godwit/guest/load_plan.h"
#include "reporter.h"
#include "stop.h"
#include "telemetry.h"
#include "ticker.h"

namespace godwit::guest {
namespace {

constexpr std::string_view kUsage =
    "usage: guest-load --load SPEC [--report FILE|-] [--disk FILE] [--runner FILE]\n"
    "                  [--control PORT] [--seconds N]\n"
    "  SPEC: LOAD[+LOAD]... at once; in turn and round again: LOAD@TIME;LOAD@TIME[;...]\n"
    "  LOAD: idle                                    cpu[,duty=SHARE%|full]\n"
    "        memory-write,set=SIZE,rate=SIZE/s|full[,pattern=uniform|sequential|hot-cold]\n"
    "                    [,content=random|compressible|zero][,words=1..512][,silent=SHARE%]\n"
    "        memory-read,set=SIZE,rate=SIZE/s|full[,pattern=...]\n"
    "        memory-heap,set=SIZE,rate=SIZE/s|full[,pattern=...][,content=...][,block=SIZE]\n"
    "        disk-write,set=SIZE,rate=SIZE/s|full[,pattern=...][,content=...][,block=SIZE]\n"
    "        disk-read,set=SIZE,rate=SIZE/s|full[,pattern=...][,cache=page|none][,block=SIZE]\n"
    "        tcp-send,peer=IP:PORT,rate=SIZE/s|full[,size=SIZE]     tcp-receive,port=PORT\n"
    "        udp-send,peer=IP:PORT,rate=SIZE/s|full[,size=SIZE]     udp-receive,port=PORT\n"
    "        http,port=PORT[,page=SIZE]\n"
    "        program,name=redis|postgres|nginx|compile[,clients=1..64]\n"
    "        and each with [,fill=SIZE]\n"
    "  SIZE: a number and B, kB, MB, GB, KiB, MiB or GiB      TIME: a number and ms, s or m\n";

struct Options {
  LoadPlan plan;
  std::string report = "-";
  std::string disk = "/dev/vda";
  std::string runner = "/bin/run-program";
  std::optional<std::int64_t> control_port{};
  std::int64_t end_ns = kNever;
};

[[noreturn]] void exit_with_usage(const std::string& error) {
  std::fprintf(stderr, "guest-load: %s\n%s", error.c_str(), kUsage.data());
  std::exit(2);
}

std::int64_t parse_number(std::string_view name, const char* text, long most) {
  char* end = nullptr;
  const long number = std::strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || number < 1 || number > most) {
    exit_with_usage(std::string(name) + " needs a whole number from 1 to " + std::to_string(most));
  }
  return number;
}

LoadPlan parse_plan(const char* text) {
  ParsedPlan parsed = parse_load_plan(text);
  if (!parsed.plan) exit_with_usage(parsed.error);
  return *parsed.plan;
}

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) exit_with_usage("no value for " + std::string(name));
    const char* value = argv[i + 1];
    if (name == "--load") {
      options.plan = parse_plan(value);
    } else if (name == "--report") {
      options.report = value;
    } else if (name == "--disk") {
      options.disk = value;
    } else if (name == "--runner") {
      options.runner = value;
    } else if (name == "--control") {
      options.control_port = parse_number(name, value, 65535);
    } else if (name == "--seconds") {
      options.end_ns = now_ns() + parse_number(name, value, 1'000'000) * 1000 * kNsPerMs;
    } else {
      exit_with_usage("unknown option " + std::string(name));
    }
  }
  if (options.plan.tracks.empty()) exit_with_usage("--load is missing");
  return options;
}

// Blocked in all threads, the signals that end the program wait until they are asked for.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

void wait_for_end(const sigset_t& signals, std::int64_t end_ns) {
  for (;;) {
    const std::int64_t left_ns = end_ns == kNever ? 0 : end_ns - now_ns();
    if (left_ns < 0) return;
    const timespec left{left_ns / 1'000'000'000, left_ns % 1'000'000'000};
    if (sigtimedwait(&signals, nullptr, end_ns == kNever ? nullptr : &left) > 0) return;
  }
}

// Asks for the stop when the scope ends, before the threads that look at it are joined.
class StopAtEnd {
 public:
  explicit StopAtEnd(StopSignal& stop) : stop_(stop) {}
  ~StopAtEnd() { stop_.ask(); }
  StopAtEnd(const StopAtEnd&) = delete;
  StopAtEnd& operator=(const StopAtEnd&) = delete;

 private:
  StopSignal& stop_;
};

int run(const Options& options) {
  const sigset_t signals = block_signals();
  Telemetry telemetry;
  Reporter reporter(options.report);
  StopSignal stop;
  std::jthread report_thread([&] { reporter.run(stop, telemetry); });
  std::jthread tick_thread([&] { run_ticker(stop, telemetry); });
  Engine engine(telemetry, options.disk, options.runner);
  std::optional<ControlServer> control;
  std::jthread control_thread;
  const StopAtEnd stop_at_end(stop);

  // Who hears that the guest is ready may connect at once; until then, who connects waits.
  if (options.control_port) control.emplace(*options.control_port, engine, reporter);
  engine.start(options.plan);
  if (control) {
    control_thread = std::jthread([&] { control->run(Until(stop)); });
  }
  wait_for_end(signals, options.end_ns);
  return 0;
}

}  // namespace
}  // namespace godwit::guest

int main(int argc, char** argv) {
  const godwit::guest::Options options = godwit::guest::parse_options(argc, argv);
  try {
    return godwit::guest::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "guest-load: %s\n", error.what());
    return 1;
  }
}
