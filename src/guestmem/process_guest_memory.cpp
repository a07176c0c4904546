#include "godwit/guestmem/process_guest_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <string>
#include <utility>

#include "godwit/base/vcpu_threads.h"
#include "memory_helper.h"
#include "remote_ranges.h"
#include "shared_block.h"

namespace godwit::guestmem {
namespace {

// What is read in one system call: few calls, and the visitor finds the bytes still in the L2
// cache.
constexpr std::size_t kBatchBytes = 256 * 1024;

std::size_t size_of(Bytes bytes) {
  return static_cast<std::size_t>(bytes.count());
}

Error gone(std::int64_t pid) {
  return {ErrorCode::kPeerGone, fmt::format("the VM's process {} has ended", pid),
          "start the VM, or name another one"};
}

/// Says which right is missing, and how to get it.
Error no_right(std::int64_t pid) {
  struct stat owner {};
  const bool known = stat(fmt::format("/proc/{}", pid).c_str(), &owner) == 0;
  std::string why = "the process belongs to another user";
  if (known && owner.st_uid == geteuid()) {
    why = "the kernel protects this user's processes from one another";
    int scope = 0;
    if (std::ifstream("/proc/sys/kernel/yama/ptrace_scope") >> scope && scope > 0) {
      why += fmt::format(" (kernel.yama.ptrace_scope = {})", scope);
    }
  }
  return {ErrorCode::kPermission,
          fmt::format("no right to read the memory of process {}: {}", pid, why),
          "run this with sudo, or as a member of the group godwit"};
}

Result<void> check_layout(const RamLayout& layout) {
  if (layout.pid <= 0) {
    return fail(ErrorCode::kBadInput, "the VM's process is not known",
                "run Godwit on the VM's own host, outside of other containers");
  }
  const std::int64_t page = layout.page_size.bytes().count();
  for (const RamBlock& block : layout.blocks) {
    if (block.size.count() <= 0 || block.size.count() % page != 0) {
      return fail(ErrorCode::kBadInput,
                  fmt::format("RAM block '{}' has {} bytes: not a number of {}-byte pages",
                              block.name, block.size.count(), page),
                  "report this, with QEMU's version");
    }
  }
  if (layout.blocks.empty()) {
    return fail(ErrorCode::kBadInput, "the VM has no RAM blocks", "check that it is a VM");
  }
  return {};
}

/// Bytes read from the front of the ranges, at least one, or -errno.
ssize_t read_by_call(std::int64_t pid, const std::vector<iovec>& ranges,
                     std::span<std::byte> into) {
  const iovec local{into.data(), into.size()};
  const ssize_t got = process_vm_readv(static_cast<pid_t>(pid), &local, 1, ranges.data(),
                                       static_cast<unsigned long>(ranges.size()), 0);
  if (got < 0) return -errno;
  return got == 0 ? -EFAULT : got;
}

ssize_t read_by_file(int mem, const iovec& range, std::span<std::byte> into) {
  const auto offset = static_cast<off_t>(reinterpret_cast<std::uintptr_t>(range.iov_base));
  const ssize_t got = pread(mem, into.data(), range.iov_len, offset);
  if (got < 0) return errno == EIO ? -EFAULT : -errno;
  return got == 0 ? -ESRCH : got;  // end of file: the address space is gone
}

}  // namespace

ProcessGuestMemory::ProcessGuestMemory(RamLayout layout, UniqueFd pidfd)
    : layout_(std::move(layout)), pidfd_(std::move(pidfd)) {
  std::int64_t page = 0;
  for (const RamBlock& block : layout_.blocks) {
    first_page_.push_back(page);
    page += layout_.page_size.pages_for(block.size).count();
    auto shared = SharedBlock::map(layout_.pid, block);
    shared_.push_back(shared ? std::make_unique<SharedBlock>(std::move(*shared)) : nullptr);
  }
  buffer_.resize(std::max(kBatchBytes, page_bytes()));
}

ProcessGuestMemory::~ProcessGuestMemory() = default;

Result<std::unique_ptr<ProcessGuestMemory>> ProcessGuestMemory::open(RamLayout layout,
                                                                     std::optional<int> monitor) {
  GODWIT_CHECK_OK(check_layout(layout));
  // By number, as glibc 2.36 (Debian 12) declares its wrapper without C linkage.
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, layout.pid, 0)));
  if (!pidfd.valid()) {
    if (errno == ESRCH) return fail(gone(layout.pid));
    Error error = errno_error(fmt::format("opening process {}", layout.pid), errno);
    error.what_to_do = "Godwit needs Linux 5.3 or newer, with pidfd_open allowed";
    return fail(std::move(error));
  }
  std::unique_ptr<ProcessGuestMemory> memory(
      new ProcessGuestMemory(std::move(layout), std::move(pidfd)));
  GODWIT_CHECK_OK(memory->choose_means(monitor));
  return memory;
}

/// Tries one page by the quick way and, if that isn't allowed, by the others.
Result<void> ProcessGuestMemory::choose_means(std::optional<int> monitor) {
  const std::int64_t first = 0;
  const auto ignore = [](std::size_t, std::span<const std::byte>) {};
  auto tried = visit_pages({&first, 1}, ignore);
  if (tried || tried.error().code != ErrorCode::kPermission) return tried;
  mem_.reset(::open(fmt::format("/proc/{}/mem", layout_.pid).c_str(), O_RDONLY | O_CLOEXEC));
  GODWIT_CHECK_OK(check_alive());
  if (!mem_.valid()) {
    Error error = std::move(tried).error();
    if (!monitor) return fail(std::move(error));
    auto opened = memory_by_helper(helper_program(), *monitor);
    if (!opened) {
      error.message += "; " + opened.error().message;
      return fail(std::move(error));
    }
    mem_ = std::move(*opened);
  }
  return visit_pages({&first, 1}, ignore);
}

std::size_t ProcessGuestMemory::page_bytes() const {
  return size_of(layout_.page_size.bytes());
}

Result<void> ProcessGuestMemory::visit_pages(std::span<const std::int64_t> pages,
                                             const PageVisitor& visit) {
  const std::size_t per_batch = buffer_.size() / page_bytes();
  std::vector<std::uint64_t> addresses;  // of pages that must be copied, the last before `i`
  for (std::size_t i = 0; i < pages.size(); ++i) {
    GODWIT_TRY(const Place place, place_of(pages[i]));
    const bool in_place = shared_[place.block] != nullptr;
    if (in_place || addresses.size() == per_batch) {
      GODWIT_CHECK_OK(visit_copies(addresses, i - addresses.size(), visit));
      addresses.clear();
    }
    if (in_place) {
      GODWIT_CHECK_OK(visit_in_place(place, i, visit));
    } else {
      addresses.push_back(layout_.blocks[place.block].host_address + place.offset);
    }
  }
  GODWIT_CHECK_OK(visit_copies(addresses, pages.size() - addresses.size(), visit));
  return check_alive();
}

Result<void> ProcessGuestMemory::visit_in_place(const Place& place, std::size_t position,
                                                const PageVisitor& visit) {
  const auto look = [&](std::span<const std::byte> page) { visit(position, page); };
  if (shared_[place.block]->show(place.offset, page_bytes(), look)) return {};
  GODWIT_CHECK_OK(check_alive());
  return fail(ErrorCode::kNotFound,
              fmt::format("the shared file of RAM block '{}' has been cut short",
                          layout_.blocks[place.block].name),
              "the VM's memory may just have changed (hot-unplug): try again");
}

/// `position`: of the first of them.
Result<void> ProcessGuestMemory::visit_copies(std::span<const std::uint64_t> addresses,
                                              std::size_t position, const PageVisitor& visit) {
  if (addresses.empty()) return {};
  GODWIT_CHECK_OK(fill_buffer(addresses));
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    visit(position + i, std::span(buffer_).subspan(i * page_bytes(), page_bytes()));
  }
  return {};
}

/// Reads one batch of pages to the front of the buffer.
Result<void> ProcessGuestMemory::fill_buffer(std::span<const std::uint64_t> addresses) {
  const std::size_t page = page_bytes();
  std::size_t done = 0;  // whole pages; the kernel may stop anywhere
  while (done < addresses.size()) {
    const auto ranges = remote_ranges(addresses.subspan(done), page);
    const std::span into =
        std::span(buffer_).subspan(done * page, (addresses.size() - done) * page);
    const ssize_t got = mem_.valid() ? read_by_file(mem_.get(), ranges.front(), into)
                                     : read_by_call(layout_.pid, ranges, into);
    if (got == -EINTR) continue;
    if (got < static_cast<ssize_t>(page)) {
      GODWIT_CHECK_OK(check_alive());
      return fail(read_error(addresses[done], got < 0 ? static_cast<int>(-got) : EFAULT));
    }
    done += static_cast<std::size_t>(got) / page;
  }
  return check_alive();
}

Result<ProcessGuestMemory::Place> ProcessGuestMemory::place_of(std::int64_t page) const {
  const std::int64_t page_bytes = layout_.page_size.bytes().count();
  const std::int64_t total = total_size(layout_).count() / page_bytes;
  if (page < 0 || page >= total) {
    return fail(ErrorCode::kBadInput, fmt::format("page {} is not one of {}", page, total));
  }
  const auto after = std::upper_bound(first_page_.begin(), first_page_.end(), page);
  const auto block = static_cast<std::size_t>(after - first_page_.begin()) - 1;
  const auto offset = static_cast<std::size_t>((page - first_page_[block]) * page_bytes);
  return Place{block, offset};
}

/// A pidfd becomes readable when its process ends, whoever has the pid then.
Result<void> ProcessGuestMemory::check_alive() const {
  pollfd ended{pidfd_.get(), POLLIN, 0};
  if (poll(&ended, 1, 0) > 0) return fail(gone(layout_.pid));
  return {};
}

Error ProcessGuestMemory::read_error(std::uint64_t address, int errno_value) const {
  switch (errno_value) {
    case ESRCH:  // ended between the read and the look at the pidfd
      return gone(layout_.pid);
    case EPERM:
    case EACCES:
    case ENOSYS:  // the kernel was built without the call: /proc/PID/mem may do
      return no_right(layout_.pid);
    case EFAULT:
      return {ErrorCode::kNotFound,
              fmt::format("process {} has no memory mapped at {:#x}", layout_.pid, address),
              "the VM's memory may just have changed (hot-unplug): try again"};
    default:
      return errno_error(fmt::format("reading process {} at {:#x}", layout_.pid, address),
                         errno_value);
  }
}

Result<std::optional<Seconds>> ProcessGuestMemory::vcpu_time() {
  const std::optional<Seconds> time = vcpu_time_of(layout_.pid);
  GODWIT_CHECK_OK(check_alive());
  return time;
}

Seconds ProcessGuestMemory::own_cpu_time() const {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + Nanoseconds(now.tv_nsec);
}

std::optional<int> ProcessGuestMemory::host_cpus() const {
  constexpr std::size_t kMostSets = 8;  // of 1024 CPUs each: the kernel knows 8192 at most
  std::array<cpu_set_t, kMostSets> cpus{};
  if (sched_getaffinity(static_cast<pid_t>(layout_.pid), sizeof cpus, cpus.data()) != 0)
    return std::nullopt;
  return CPU_COUNT_S(sizeof cpus, cpus.data());
}

}  // namespace godwit::guestmem
