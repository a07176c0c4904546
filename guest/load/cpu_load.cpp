#include <time.h>

#include <vector>

#include "godwit/guest/fft.h"
#include "godwit/guest/random.h"
#include "load.h"

namespace godwit::guest {
namespace {

// 16 KiB of data and 16 KiB of tables: any processor's first-level cache, or near to it.
constexpr std::size_t kPoints = 1024;

std::int64_t thread_cpu_ns() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
}

class Cpu final : public Load {
 public:
  Cpu(const LoadSpec& spec, const LoadContext& context)
      : duty_percent_(spec.duty_percent),
        counters_(context.counters),
        fft_(kPoints),
        data_(kPoints) {
    Random random(context.seed);
    for (Complex& value : data_) value.re = static_cast<double>(random.below(2001) - 1000);
  }

  void run(const Until& until) override {
    if (!duty_percent_) {
      while (!until.reached()) transform();
      return;
    }
    // A share is a rate as well: nanoseconds of processor time per second.
    Pacer pacer(*duty_percent_ * 10'000'000, 1, now_ns());
    const Beat beat(kSliceNs);
    while (!until.reached()) {
      while (pacer.owed(now_ns()) > 0 && !until.reached()) {
        const std::int64_t before_ns = thread_cpu_ns();
        transform();
        pacer.done(thread_cpu_ns() - before_ns);
      }
      beat.wait_next();
    }
  }

 private:
  void transform() {
    fft_.transform(data_);
    add(counters_.work, 1);
  }

  std::optional<std::int64_t> duty_percent_;
  Counters& counters_;
  Fft fft_;
  std::vector<Complex> data_;
};

}  // namespace

std::unique_ptr<Load> make_cpu(const LoadSpec& spec, const LoadContext& context) {
  return std::make_unique<Cpu>(spec, context);
}

}  // namespace godwit::guest
