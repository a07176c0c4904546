#include <numeric>

#include "godwit/guest/content.h"
#include "godwit/guest/page_picker.h"
#include "load.h"
#include "memory.h"

namespace godwit::guest {
namespace {

constexpr std::int64_t kPagesPerCheck = 64;

class Memory final : public Load {
 public:
  Memory(const LoadSpec& spec, const LoadContext& context)
      : spec_(spec),
        counters_(context.counters),
        memory_(pages_for(spec.set_bytes)),
        picker_(spec.pattern, memory_.pages(), context.seed + 1),
        content_(spec.content, spec.words_per_page, context.seed + 2),
        silence_(context.seed + 3) {
    Random random(context.seed);
    fill_random(memory_.words(), random);
  }

  void run(const Until& until) override {
    const bool writes = spec_.kind == LoadKind::kMemoryWrite;
    run_at_rate(spec_, kPageBytes, kPagesPerCheck, until, [this, writes](std::int64_t pages) {
      for (std::int64_t i = 0; i < pages; ++i) {
        if (writes) {
          write_page(memory_.page(picker_.next()));
        } else {
          read_page();
        }
        add(counters_.work, 1);
      }
    });
  }

 private:
  void write_page(PageSpan page) {
    if (silence_.below(100) < spec_.silent_percent) {
      rewrite(page);
    } else {
      content_.write(page);
    }
  }

  void read_page() {
    const PageSpan page = memory_.page(picker_.next());
    // Volatile, or the compiler would see that nobody wants to know.
    volatile std::uint64_t sum = std::accumulate(page.begin(), page.end(), std::uint64_t{0});
    static_cast<void>(sum);
  }

  LoadSpec spec_;
  Counters& counters_;
  LockedMemory memory_;
  PagePicker picker_;
  ContentWriter content_;
  Random silence_;
};

}  // namespace

std::unique_ptr<Load> make_memory(const LoadSpec& spec, const LoadContext& context) {
  return std::make_unique<Memory>(spec, context);
}

}  // namespace godwit::guest
