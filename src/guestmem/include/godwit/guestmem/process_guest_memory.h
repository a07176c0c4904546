#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/ports.h"

namespace godwit::guestmem {

class SharedBlock;

/// Reads a VM's RAM out of its QEMU process; the VM runs on, nobody in it notices.
///
/// RAM that the VM keeps in a shared file (memfd) is mapped and read in place; other RAM by
/// process_vm_readv, else (a container's filter may forbid that) by /proc/PID/mem. Where this
/// process may do neither, the program godwit-memory opens that file for it (memory_helper.h). A
/// read of a page that the guest never touched gives zeros, and costs no memory: the kernel maps
/// its shared zero page for it, and holes of a shared file are not touched; but by godwit-memory a
/// hole that is read is filled. A shared file that somebody cuts short is an error, not this
/// process's death.
///
/// A page may change while it is being read: what arrives is then a mixture of old and new.
///
/// A process that takes the pid over is never read: a pidfd, held from the start, proves after each
/// batch that the pid still was the VM's, and only then are its pages shown.
///
/// Not thread-safe. own_cpu_time() is that of the calling thread: the one that reads.
class ProcessGuestMemory final : public GuestMemory {
 public:
  /// Reads one page to see whether it may. Errors: kBadInput for a layout that makes no sense,
  /// kPeerGone when there is no such process, kPermission when a right is missing (named),
  /// kNotFound when the process has nothing mapped at a block's address. `monitor`: a connection to
  /// the VM's QMP socket; without one godwit-memory can't be asked.
  static Result<std::unique_ptr<ProcessGuestMemory>> open(
      RamLayout layout, std::optional<int> monitor = std::nullopt);

  ~ProcessGuestMemory() override;

  [[nodiscard]] const RamLayout& layout() const override { return layout_; }
  /// Errors as for open(), kBadInput for a page outside the layout, kNotFound for a shared file
  /// that was cut short. Pages up to the one that failed may have been visited.
  Result<void> visit_pages(std::span<const std::int64_t> pages, const PageVisitor& visit) override;
  /// Threads are told apart by name ("CPU 0/KVM"), which QEMU gives only if started with
  /// `-name ...,debug-threads=on` (checked: 10.0 without it names all threads alike).
  Result<std::optional<Seconds>> vcpu_time() override;
  [[nodiscard]] Seconds own_cpu_time() const override;
  /// Of the process's main thread: those that it starts, such as migration's, inherit them.
  [[nodiscard]] std::optional<int> host_cpus() const override;

 private:
  ProcessGuestMemory(RamLayout layout, UniqueFd pidfd);

  Result<void> choose_means(std::optional<int> monitor);
  /// The block that a page is in, and where in it.
  struct Place {
    std::size_t block = 0;
    std::size_t offset = 0;
  };
  [[nodiscard]] Result<Place> place_of(std::int64_t page) const;
  [[nodiscard]] std::size_t page_bytes() const;
  Result<void> visit_in_place(const Place& place, std::size_t position, const PageVisitor& visit);
  Result<void> visit_copies(std::span<const std::uint64_t> addresses, std::size_t position,
                            const PageVisitor& visit);
  Result<void> fill_buffer(std::span<const std::uint64_t> addresses);
  [[nodiscard]] Result<void> check_alive() const;
  [[nodiscard]] Error read_error(std::uint64_t address, int errno_value) const;

  RamLayout layout_;
  std::vector<std::int64_t> first_page_;  ///< of each block, counted over all blocks
  UniqueFd pidfd_;
  UniqueFd mem_;  ///< /proc/PID/mem; only where process_vm_readv can't be used
  std::vector<std::unique_ptr<SharedBlock>> shared_;  ///< by block; null: not in a shared file
  std::vector<std::byte> buffer_;
};

}  // namespace godwit::guestmem
