#include "victim.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "godwit/base/contract.h"

namespace godwit::guestmem {
namespace {

const std::size_t kPageSize = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));

std::int64_t cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Victim::Victim(std::size_t pages, bool shared) : pages_(pages) {
  const std::size_t size = pages * kPageSize;
  if (shared) {
    file_.reset(memfd_create("victim", MFD_CLOEXEC));
    if (ftruncate(file_.get(), static_cast<off_t>(size)) != 0) contract_failure("memfd");
  }
  void* region = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, file_.get(), 0);
  if (region == MAP_FAILED) contract_failure("mmap");
  region_ = static_cast<std::byte*>(region);
  int orders[2];
  int answers[2];
  if (pipe(orders) != 0 || pipe(answers) != 0) contract_failure("pipe");
  pid_ = fork();
  if (pid_ < 0) contract_failure("fork");
  if (pid_ == 0) {
    close(orders[1]);
    close(answers[0]);
    serve(orders[0], answers[1]);
  }
  close(orders[0]);
  close(answers[1]);
  orders_.reset(orders[1]);
  answers_.reset(answers[0]);
  munmap(region, pages * kPageSize);  // the child's copy stays, at the same address
  for (std::size_t page = 0; page + 1 < pages; ++page) fill(page, static_cast<char>(page + 1));
}

Victim::~Victim() {
  die();
}

void Victim::serve(int orders, int answers) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  Order order{};
  while (read(orders, &order, sizeof order) == sizeof order) {
    const std::int64_t answer = carry_out(order);
    if (write(answers, &answer, sizeof answer) != sizeof answer) break;
  }
  _exit(0);
}

std::int64_t Victim::carry_out(const Order& order) {
  switch (order.what) {
    case 'f':
      std::memset(region_ + order.page * kPageSize, order.value, kPageSize);
      return 0;
    case 'u':
      return munmap(region_ + order.page * kPageSize, kPageSize);
    case 'n':
      return prctl(PR_SET_NAME, "CPU 0/TCG");
    default:
      for (const std::int64_t until = cpu_ns() + 50'000'000; cpu_ns() < until;) {
      }
      return cpu_ns();
  }
}

std::int64_t Victim::obey(const Order& order) {
  std::int64_t answer = 0;
  if (write(orders_.get(), &order, sizeof order) != sizeof order ||
      read(answers_.get(), &answer, sizeof answer) != sizeof answer || answer < 0) {
    contract_failure("the test's process does not obey");
  }
  return answer;
}

void Victim::fill(std::size_t page, char value) {
  obey({'f', value, page});
}
void Victim::unmap(std::size_t page) {
  obey({'u', 0, page});
}
void Victim::name_thread_like_a_vcpu() {
  obey({'n', 0, 0});
}
Seconds Victim::burn() {
  return Nanoseconds(obey({'b', 0, 0}));
}

void Victim::die() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  wait_for(pid_);
  pid_ = -1;
}

void Victim::cut_file_to(std::size_t pages) const {
  if (ftruncate(file_.get(), static_cast<off_t>(pages * kPageSize)) != 0)
    contract_failure("ftruncate");
}

Bytes Victim::allocated() const {
  struct stat file {};
  if (fstat(file_.get(), &file) != 0) contract_failure("fstat");
  return Bytes(file.st_blocks * 512);
}

RamLayout Victim::layout() const {
  return {pid_,
          PageSize(static_cast<std::int64_t>(kPageSize)),
          {{"ram", Bytes(static_cast<std::int64_t>(pages_ * kPageSize)),
            reinterpret_cast<std::uint64_t>(region_)}}};
}

RamLayout Victim::layout_in_swapped_halves() const {
  const std::size_t half = pages_ / 2 * kPageSize;
  const auto address = reinterpret_cast<std::uint64_t>(region_);
  const Bytes size(static_cast<std::int64_t>(half));
  return {pid_,
          PageSize(static_cast<std::int64_t>(kPageSize)),
          {{"high", size, address + half}, {"low", size, address}}};
}

int in_child(int (*body)(pid_t argument), pid_t argument) {
  const pid_t pid = fork();
  if (pid < 0) contract_failure("fork");
  if (pid == 0) _exit(body(argument));
  const int status = wait_for(pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

}  // namespace godwit::guestmem
