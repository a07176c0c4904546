#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "godwit/base/unique_fd.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::guestmem {

/// A process of the test's own to read from: it holds known pages and changes them on command. Dies
/// with the object, and with the test.
class Victim {
 public:
  /// Page i of `pages` is filled with the byte i + 1, but for the last, which nobody ever touched.
  /// `shared`: they lie in a memfd, as a VM's do with memory-backend-memfd,share=on.
  explicit Victim(std::size_t pages, bool shared = false);
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  ~Victim();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// One block over all pages, or two blocks of half of them each, the second half first.
  [[nodiscard]] RamLayout layout() const;
  [[nodiscard]] RamLayout layout_in_swapped_halves() const;

  /// Cuts the memfd short, as any process that has it may.
  void cut_file_to(std::size_t pages) const;
  /// What the memfd takes up.
  [[nodiscard]] Bytes allocated() const;

  /// Each returns when the process has done it.
  void fill(std::size_t page, char value);
  void unmap(std::size_t page);
  void name_thread_like_a_vcpu();
  /// Uses 50 ms of CPU; returns how much its one thread has used in all.
  Seconds burn();
  void die();

 private:
  struct Order {
    char what;
    char value;
    std::size_t page;
  };
  std::int64_t obey(const Order& order);
  [[noreturn]] void serve(int orders, int answers);
  std::int64_t carry_out(const Order& order);

  std::size_t pages_;
  std::byte* region_;
  pid_t pid_ = -1;
  UniqueFd file_;  ///< the memfd, if there is one
  UniqueFd orders_;
  UniqueFd answers_;
};

/// Runs `body` in a process of its own, and gives its exit status (0…255).
int in_child(int (*body)(pid_t argument), pid_t argument);

}  // namespace godwit::guestmem
