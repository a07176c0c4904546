// What every kind of load looks like to the engine.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "godwit/guest/load_spec.h"
#include "godwit/guest/pacer.h"
#include "stop.h"
#include "telemetry.h"

namespace godwit::guest {

// Loads with a rate work off what is due every so often.
inline constexpr std::int64_t kSliceNs = 10 * kNsPerMs;

// Made ready by its constructor (memory filled, port open, peer connected), which throws an
// exception that says why it can't be. Then used by one thread.
class Load {
 public:
  Load() = default;
  virtual ~Load() = default;
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Works until then; once for each phase. Throws std::system_error, or std::runtime_error with
  // what to report, when it can't go on for good.
  virtual void run(const Until& until) = 0;
};

struct LoadContext {
  Counters& counters;
  std::uint64_t seed;  // another one for each load of a plan, the same from run to run
  std::string disk;    // path of the disk that loads may overwrite
  std::string runner;  // command that runs programs: guest/run-program
};

[[nodiscard]] std::unique_ptr<Load> make_idle(const LoadContext& context);
[[nodiscard]] std::unique_ptr<Load> make_cpu(const LoadSpec& spec, const LoadContext& context);
[[nodiscard]] std::unique_ptr<Load> make_memory(const LoadSpec& spec, const LoadContext& context);
[[nodiscard]] std::unique_ptr<Load> make_heap(const LoadSpec& spec, const LoadContext& context);
[[nodiscard]] std::unique_ptr<Load> make_disk(const LoadSpec& spec, const LoadContext& context);
[[nodiscard]] std::unique_ptr<Load> make_sender(const LoadSpec& spec, const LoadContext& context);
[[nodiscard]] std::unique_ptr<Load> make_receiver(const LoadSpec& spec, const LoadContext& context);
[[nodiscard]] std::unique_ptr<Load> make_http(const LoadSpec& spec, const LoadContext& context);
[[nodiscard]] std::unique_ptr<Load> make_program(const LoadSpec& spec, const LoadContext& context);

// Any of the above, by the spec's kind.
[[nodiscard]] std::unique_ptr<Load> make_load(const LoadSpec& spec, const LoadContext& context);

// Calls `work(units)` as an open loop: `rate` units fall due with the clock. At most `most` at a
// time: what is owed is asked for anew in between, so that a rate near the machine's limit neither
// overshoots its end nor works off what is dropped meanwhile.
template <class Work>
void run_open_loop(Pacer pacer, std::int64_t most, const Until& until, Work work) {
  const Beat beat(kSliceNs);
  while (!until.reached()) {
    for (std::int64_t owed = pacer.owed(now_ns()); owed > 0; owed = pacer.owed(now_ns())) {
      const std::int64_t units = owed < most ? owed : most;
      work(units);
      pacer.done(units);
      if (until.reached()) return;
    }
    beat.wait_next();
  }
}

// The same for `rate=full`: as fast as it goes.
template <class Work>
void run_at_rate(const LoadSpec& spec, std::int64_t unit_bytes, std::int64_t most,
                 const Until& until, Work work) {
  if (spec.rate_bytes_per_s) {
    run_open_loop(Pacer(*spec.rate_bytes_per_s, unit_bytes, now_ns()), most, until, work);
  } else {
    while (!until.reached()) work(most);
  }
}

}  // namespace godwit::guest
