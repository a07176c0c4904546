#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>
#include <vector>

#include "godwit/guest/content.h"
#include "godwit/guest/page_picker.h"
#include "load.h"

namespace godwit::guest {
namespace {

// Memory of the kernel's, taken when it is made and given back when it ends.
class Block {
 public:
  explicit Block(std::int64_t bytes) : bytes_(static_cast<std::size_t>(bytes)) {
    void* mapped =
        mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    words_ = static_cast<std::uint64_t*>(mapped);
    static_cast<void>(madvise(mapped, bytes_, MADV_NOHUGEPAGE));  // no matter where there are none
  }
  ~Block() {
    if (words_ != nullptr) munmap(words_, bytes_);
  }
  Block(Block&& other) noexcept : bytes_(other.bytes_), words_(other.words_) {
    other.words_ = nullptr;
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  Block& operator=(Block&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(words_, other.words_);
    return *this;
  }

  [[nodiscard]] std::int64_t pages() const {
    return static_cast<std::int64_t>(bytes_) / kPageBytes;
  }
  [[nodiscard]] PageSpan page(std::int64_t index) const {
    return PageSpan(words_ + index * kPageWords, kPageWords);
  }

 private:
  std::size_t bytes_;
  std::uint64_t* words_ = nullptr;
};

class Heap final : public Load {
 public:
  Heap(const LoadSpec& spec, const LoadContext& context)
      : spec_(spec),
        counters_(context.counters),
        most_(units_for(spec.set_bytes, spec.block_bytes)),
        picker_(spec.pattern, most_, context.seed + 1),
        content_(spec.content, kPageWords, context.seed + 2) {
    while (!breathes() && !full()) take();
  }

  void run(const Until& until) override {
    run_at_rate(spec_, spec_.block_bytes, 1, until, [this](std::int64_t) {
      if (breathes()) {
        breathe();
      } else {
        Block& old = blocks_[static_cast<std::size_t>(picker_.next())];
        old = filled();
      }
    });
  }

 private:
  [[nodiscard]] bool breathes() const { return spec_.pattern == Pattern::kSequential; }
  [[nodiscard]] bool full() const { return static_cast<std::int64_t>(blocks_.size()) >= most_; }
  void take() { blocks_.push_back(filled()); }
  void breathe() {
    if (full()) grows_ = false;
    if (blocks_.empty()) grows_ = true;
    if (grows_) {
      take();
    } else {
      blocks_.pop_back();
    }
  }
  Block filled() {
    Block block(spec_.block_bytes);
    for (std::int64_t i = 0; i < block.pages(); ++i) {
      content_.write(block.page(i));
      add(counters_.work, 1);
    }
    return block;
  }

  LoadSpec spec_;
  Counters& counters_;
  std::int64_t most_;  // blocks
  PagePicker picker_;
  ContentWriter content_;
  std::vector<Block> blocks_;
  bool grows_ = true;
};

}  // namespace

std::unique_ptr<Load> make_heap(const LoadSpec& spec, const LoadContext& context) {
  return std::make_unique<Heap>(spec, context);
}

}  // namespace godwit::guest
