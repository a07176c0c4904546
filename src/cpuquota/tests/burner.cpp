#include "burner.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "godwit/base/contract.h"

namespace godwit::cpuquota {
namespace {

[[noreturn]] void burn(int vcpus, int ready) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::atomic<int> named = 0;
  std::atomic<std::uint64_t> work = 0;
  std::vector<std::thread> threads;
  for (int vcpu = 0; vcpu < vcpus; ++vcpu) {
    threads.emplace_back([vcpu, ready, vcpus, &named, &work] {
      ::prctl(PR_SET_NAME, fmt::format("CPU {}/TCG", vcpu).c_str());
      if (++named == vcpus && ::write(ready, "x", 1) != 1) ::_exit(1);
      while (true) ++work;
    });
  }
  while (true) ::pause();
}

}  // namespace

Burner::Burner(int vcpus) {
  int ready[2];
  if (::pipe(ready) != 0) contract_failure("pipe");
  pid_ = ::fork();
  if (pid_ < 0) contract_failure("fork");
  if (pid_ == 0) burn(vcpus, ready[1]);
  ::close(ready[1]);
  char said = 0;
  while (::read(ready[0], &said, 1) < 0 && errno == EINTR) {
  }
  ::close(ready[0]);
}

void Burner::die() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

std::string groups_of(pid_t pid, std::int64_t thread) {
  std::ifstream file(fmt::format("/proc/{}/task/{}/cgroup", pid, thread));
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace godwit::cpuquota
