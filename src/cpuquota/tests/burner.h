#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace godwit::cpuquota {

/// A process of the test's own whose threads are named as a VM's and use all the CPU that they get.
/// It ends with the object, and with the test.
class Burner {
 public:
  explicit Burner(int vcpus);
  Burner(const Burner&) = delete;
  Burner& operator=(const Burner&) = delete;
  ~Burner() { die(); }

  [[nodiscard]] pid_t pid() const { return pid_; }
  void die();

 private:
  pid_t pid_ = -1;
};

/// /proc/PID/task/TID/cgroup.
std::string groups_of(pid_t pid, std::int64_t thread);

}  // namespace godwit::cpuquota
