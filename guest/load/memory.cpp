#include "memory.h"

#include <sys/mman.h>
#include <sys/sysinfo.h>

#include <cerrno>
#include <stdexcept>
#include <string>

#include "errors.h"

namespace godwit::guest {
namespace {

// Said beforehand, as the out-of-memory killer would say it in no useful words.
void check_free(std::int64_t bytes) {
  struct sysinfo info {};
  if (sysinfo(&info) != 0) throw_errno("sysinfo");
  const std::int64_t free_bytes = static_cast<std::int64_t>(info.freeram) * info.mem_unit;
  if (bytes <= free_bytes) return;
  throw std::runtime_error("the load needs " + std::to_string(bytes) +
                           " bytes of memory, but only " + std::to_string(free_bytes) +
                           " are free");
}

}  // namespace

LockedMemory::LockedMemory(std::int64_t pages) : pages_(pages) {
  if (pages == 0) return;
  const auto bytes = static_cast<std::size_t>(pages * kPageBytes);
  check_free(pages * kPageBytes);
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) throw_errno("mmap");
  words_ = static_cast<std::uint64_t*>(mapped);
  // EINVAL: a kernel without huge pages, which is just as good.
  const bool advised = madvise(mapped, bytes, MADV_NOHUGEPAGE) == 0 || errno == EINVAL;
  // On fault: whoever fills the memory faults it in, so that progress shows in between.
  if (!advised || mlock2(mapped, bytes, MLOCK_ONFAULT) != 0) {
    const int cause = errno;
    munmap(mapped, bytes);
    errno = cause;
    throw_errno("locking " + std::to_string(bytes) + " bytes of memory (see ulimit -l)");
  }
}

LockedMemory::~LockedMemory() {
  if (words_ != nullptr) munmap(words_, static_cast<std::size_t>(pages_ * kPageBytes));
}

}  // namespace godwit::guest
