#include "load.h"

namespace godwit::guest {
namespace {

// Its work are the ticks, which are there anyway: a thread of its own to count them would cost
// wake-ups, of all that an idle guest costs the most.
class Idle final : public Load {
 public:
  explicit Idle(const LoadContext& context) : counters_(context.counters) {}

  void run(const Until& until) override {
    counters_.ticking = true;
    until.wait();
    counters_.ticking = false;
  }

 private:
  Counters& counters_;
};

}  // namespace

std::unique_ptr<Load> make_idle(const LoadContext& context) {
  return std::make_unique<Idle>(context);
}

}  // namespace godwit::guest
