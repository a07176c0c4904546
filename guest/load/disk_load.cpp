#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

#include "errors.h"
#include "fd.h"
#include "godwit/guest/content.h"
#include "godwit/guest/page_picker.h"
#include "load.h"

namespace godwit::guest {
namespace {

constexpr std::int64_t kFillBytes = 1 << 20;

// Memory as direct access to a disk wants it.
class Buffer {
 public:
  explicit Buffer(std::int64_t bytes)
      : pages_(bytes / kPageBytes),
        words_(static_cast<std::uint64_t*>(
            std::aligned_alloc(kPageBytes, static_cast<std::size_t>(bytes)))) {
    if (words_ == nullptr) throw std::bad_alloc();
  }
  ~Buffer() { std::free(words_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  [[nodiscard]] std::int64_t pages() const { return pages_; }
  [[nodiscard]] std::int64_t bytes() const { return pages_ * kPageBytes; }
  [[nodiscard]] PageSpan page(std::int64_t index) const {
    return PageSpan(words_ + index * kPageWords, kPageWords);
  }
  [[nodiscard]] std::span<std::uint64_t> words() const {
    return {words_, static_cast<std::size_t>(pages_ * kPageWords)};
  }

 private:
  std::int64_t pages_;
  std::uint64_t* words_;
};

Fd open_disk(const std::string& path, int flags) {
  Fd fd(open(path.c_str(), flags | O_CLOEXEC));
  if (fd.valid()) return fd;
  if (errno == ENOENT) {
    throw std::runtime_error("this guest has no disk (" + path +
                             "): give it one with godwit lab up --disk SIZE");
  }
  throw_errno(path);
}

class Disk final : public Load {
 public:
  Disk(const LoadSpec& spec, const LoadContext& context)
      : spec_(spec),
        counters_(context.counters),
        path_(context.disk),
        blocks_(units_for(spec.set_bytes, spec.block_bytes)),
        buffer_(spec.block_bytes),
        picker_(spec.pattern, blocks_, context.seed + 1),
        content_(spec.content, kPageWords, context.seed + 2) {
    fill(context.seed);
    const bool direct = writes() || !spec.page_cache;
    fd_ = open_disk(path_, (writes() ? O_WRONLY : O_RDONLY) | (direct ? O_DIRECT : 0));
    // In no particular order, nobody can read ahead: what was asked for is what is read.
    if (!writes() && spec.pattern != Pattern::kSequential) {
      posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_RANDOM);
    }
  }

  ~Disk() override {
    // The next load begins with the memory that this one found.
    posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED);
  }

  void run(const Until& until) override {
    run_at_rate(spec_, spec_.block_bytes, 1, until, [this](std::int64_t) {
      const std::int64_t at = picker_.next() * spec_.block_bytes;
      if (writes()) {
        for (std::int64_t i = 0; i < buffer_.pages(); ++i) content_.write(buffer_.page(i));
        write_at(fd_, buffer_, at);
      } else {
        read_at(at);
      }
      add(counters_.work, buffer_.pages());
    });
  }

 private:
  [[nodiscard]] bool writes() const { return spec_.kind == LoadKind::kDiskWrite; }

  // Random all over: a page that was never written would be read as zeros, and a page cache of
  // zeros costs a migration nothing. Directly, so that it isn't in the cache already.
  void fill(std::uint64_t seed) const {
    const Fd fd = open_disk(path_, O_WRONLY | O_DIRECT);
    const std::int64_t needed = blocks_ * spec_.block_bytes;
    const off_t size = lseek(fd.get(), 0, SEEK_END);
    if (size < 0) throw_errno(path_);
    if (size < needed) {
      throw std::runtime_error("the set takes " + std::to_string(needed) + " bytes, but the disk " +
                               path_ + " has " + std::to_string(size));
    }
    const Buffer chunk(kFillBytes);
    const Buffer block(spec_.block_bytes);
    Random random(seed);
    std::int64_t at = 0;
    for (; at + chunk.bytes() <= needed; at += chunk.bytes()) fill_one(fd, chunk, random, at);
    for (; at < needed; at += block.bytes()) fill_one(fd, block, random, at);
  }

  static void fill_one(const Fd& fd, const Buffer& buffer, Random& random, std::int64_t at) {
    fill_random(buffer.words(), random);
    write_at(fd, buffer, at);
  }

  static void write_at(const Fd& fd, const Buffer& buffer, std::int64_t at) {
    ssize_t done = 0;
    do {
      done = pwrite(fd.get(), buffer.words().data(), buffer.words().size_bytes(), at);
    } while (done < 0 && errno == EINTR);
    if (done < 0) throw_errno("writing to the disk");
    if (done != buffer.bytes()) throw std::system_error(EIO, std::generic_category(), "disk");
  }

  void read_at(std::int64_t at) const {
    ssize_t done = 0;
    do {
      done = pread(fd_.get(), buffer_.words().data(), buffer_.words().size_bytes(), at);
    } while (done < 0 && errno == EINTR);
    if (done < 0) throw_errno("reading from the disk");
    if (done != buffer_.bytes()) throw std::system_error(EIO, std::generic_category(), "disk");
  }

  LoadSpec spec_;
  Counters& counters_;
  std::string path_;
  std::int64_t blocks_;
  Buffer buffer_;
  PagePicker picker_;
  ContentWriter content_;
  Fd fd_;
};

}  // namespace

std::unique_ptr<Load> make_disk(const LoadSpec& spec, const LoadContext& context) {
  return std::make_unique<Disk>(spec, context);
}

}  // namespace godwit::guest
