#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

namespace godwit::e2e {

/// A control group in which a process gets no more memory than that, besides what it has already.
/// The kernel kills it when it wants more. Throws where there is no such group to be had.
class MemoryLimit {
 public:
  MemoryLimit(pid_t pid, std::size_t bytes);
  ~MemoryLimit();
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

 private:
  std::string parent_;
  std::string folder_;
};

}  // namespace godwit::e2e
