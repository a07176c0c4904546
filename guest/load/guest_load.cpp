// guest-load: makes a described load inside a guest and reports on it.
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "clock.h"
#include "godwit/guest/content.h"
#include "godwit/guest/load_spec.h"
#include "godwit/guest/pacer.h"
#include "godwit/guest/page_picker.h"
#include "memory.h"
#include "reporter.h"
#include "telemetry.h"
#include "ticker.h"

namespace godwit::guest {
namespace {

constexpr std::int64_t kSliceNs = 10 * kNsPerMs;
// Contents repeat from boot to boot: two runs of one load differ as little as can be.
constexpr std::uint64_t kFillSeed = 1;
constexpr std::uint64_t kPickSeed = 2;
constexpr std::uint64_t kContentSeed = 3;

constexpr std::string_view kUsage =
    "usage: guest-load --load SPEC [--report FILE|-] [--seconds N]\n"
    "  SPEC: idle[,fill=SIZE]\n"
    "        memory-write,set=SIZE,rate=SIZE/s|full[,pattern=sequential|uniform|hot-cold]\n"
    "        [,content=random|compressible|zero][,words=1..512][,fill=SIZE]\n"
    "  SIZE: a number and B, kB, MB, GB, KiB, MiB or GiB\n";

volatile sig_atomic_t stop_asked = 0;

struct Options {
  LoadSpec load;
  std::string report = "-";
  std::int64_t end_ns = std::numeric_limits<std::int64_t>::max();
};

bool at_end(const Options& options) {
  return stop_asked != 0 || now_ns() >= options.end_ns;
}

[[noreturn]] void exit_with_usage(const std::string& error) {
  std::fprintf(stderr, "guest-load: %s\n%s", error.c_str(), kUsage.data());
  std::exit(2);
}

void parse_seconds(const char* text, Options& options) {
  char* end = nullptr;
  const long seconds = std::strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || seconds < 1 || seconds > 1'000'000) {
    exit_with_usage("--seconds needs a whole number from 1");
  }
  options.end_ns = now_ns() + seconds * 1000 * kNsPerMs;
}

Options parse_options(int argc, char** argv) {
  Options options;
  bool has_load = false;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) exit_with_usage("no value for " + std::string(name));
    const char* value = argv[i + 1];
    if (name == "--load") {
      const ParsedLoad parsed = parse_load_spec(value);
      if (!parsed.spec) exit_with_usage(parsed.error);
      options.load = *parsed.spec;
      has_load = true;
    } else if (name == "--report") {
      options.report = value;
    } else if (name == "--seconds") {
      parse_seconds(value, options);
    } else {
      exit_with_usage("unknown option " + std::string(name));
    }
  }
  if (!has_load) exit_with_usage("--load is missing");
  return options;
}

// One load's own memory and what it does with it.
class Writer {
 public:
  Writer(const Options& options, Telemetry& telemetry)
      : options_(options),
        telemetry_(telemetry),
        memory_(pages_for(options.load.set_bytes)),
        picker_(options.load.pattern, memory_.pages(), kPickSeed),
        content_(options.load.content, options.load.words_per_page, kContentSeed) {}

  [[nodiscard]] const LockedMemory& memory() const { return memory_; }

  void run() {
    if (options_.load.rate_bytes_per_s) {
      run_open_loop(*options_.load.rate_bytes_per_s);
    } else {
      run_closed_loop();
    }
  }

 private:
  void run_open_loop(std::int64_t bytes_per_s) {
    Pacer pacer(bytes_per_s, now_ns());
    const Beat beat(kSliceNs);
    while (!at_end(options_)) {
      // Not as one burst: what is owed is asked for anew every few pages, so that a rate near the
      // machine's limit neither overshoots its end nor works off what is dropped meanwhile.
      for (std::int64_t owed = pacer.owed(now_ns()); owed > 0; owed = pacer.owed(now_ns())) {
        const std::int64_t pages = owed < kPagesPerCheck ? owed : kPagesPerCheck;
        write_pages(pages);
        pacer.done(pages);
        if (at_end(options_)) return;
      }
      beat.wait_next();
    }
  }

  void run_closed_loop() {
    while (!at_end(options_)) write_pages(kPagesPerCheck);
  }

  void write_pages(std::int64_t pages) {
    for (std::int64_t i = 0; i < pages; ++i) {
      content_.write(memory_.page(picker_.next()));
      // Only this thread writes the counter now: a load and a store, no locked instruction.
      telemetry_.work.store(++work_, std::memory_order_relaxed);
    }
  }

  static constexpr std::int64_t kPagesPerCheck = 64;

  const Options& options_;
  Telemetry& telemetry_;
  LockedMemory memory_;
  PagePicker picker_;
  ContentWriter content_;
  std::int64_t work_ = 0;
};

// In steps of a second: a signal may be taken by another thread, and then ends no sleep here.
void wait_for_end(const Options& options) {
  while (!at_end(options)) sleep_until_ns(std::min(now_ns() + 1000 * kNsPerMs, options.end_ns));
}

int run(const Options& options) {
  const bool idle = options.load.kind == LoadKind::kIdle;
  Telemetry telemetry;
  Reporter reporter(options.report);
  std::jthread report_thread([&](const std::stop_token& stop) { reporter.run(stop, telemetry); });
  std::jthread tick_thread([&](const std::stop_token& stop) { run_ticker(stop, telemetry, idle); });

  Random random(kFillSeed);
  const LockedMemory fill(pages_for(options.load.fill_bytes));
  fill_random(fill.words(), random);
  if (idle) {
    telemetry.state = State::kReady;
    wait_for_end(options);
    return 0;
  }
  Writer writer(options, telemetry);
  fill_random(writer.memory().words(), random);
  telemetry.state = State::kReady;
  writer.run();
  return 0;
}

void take_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { stop_asked = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

}  // namespace
}  // namespace godwit::guest

int main(int argc, char** argv) {
  const godwit::guest::Options options = godwit::guest::parse_options(argc, argv);
  godwit::guest::take_signals();
  try {
    return godwit::guest::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "guest-load: %s\n", error.what());
    return 1;
  }
}
