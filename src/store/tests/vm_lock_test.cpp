#include "godwit/store/vm_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace godwit::store {
namespace {

/// A process that holds the lock on `vm` until it is killed.
class Holder {
 public:
  explicit Holder(std::int64_t vm) {
    std::array<int, 2> told{};
    if (::pipe(told.data()) != 0) std::abort();
    const UniqueFd reading(told[0]);
    UniqueFd writing(told[1]);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const auto lock = VmLock::acquire(vm);
      const char word = lock ? 'y' : 'n';
      if (::write(writing.get(), &word, 1) != 1) ::_exit(1);
      while (true) ::pause();
    }
    writing.reset();
    char word = 0;
    holds_ = ::read(reading.get(), &word, 1) == 1 && word == 'y';
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { kill(); }

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  [[nodiscard]] bool holds() const { return holds_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
  bool holds_ = false;
};

TEST(VmLock, OneGodwitAtATimeAndTheKernelFreesAKilledOnes) {
  const pid_t vm = ::getpid();  // any process will do
  Holder other(vm);
  ASSERT_TRUE(other.holds());
  const auto refused = VmLock::acquire(vm);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBusy);
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("is being driven by another godwit"));
  other.kill();
  EXPECT_TRUE(VmLock::acquire(vm));
}

TEST(VmLock, IsLetGoAtTheEndOfItsScope) {
  const pid_t vm = ::getpid();
  {
    const auto mine = VmLock::acquire(vm);
    ASSERT_TRUE(mine);
    EXPECT_FALSE(Holder(vm).holds());
  }
  EXPECT_TRUE(Holder(vm).holds());
}

TEST(VmLock, OtherVmsAreNotConcerned) {
  const auto mine = VmLock::acquire(::getpid());
  ASSERT_TRUE(mine);
  EXPECT_TRUE(VmLock::acquire(::getppid()));
}

TEST(VmLock, AProcessThatIsNotThere) {
  Holder gone(::getpid());
  const pid_t pid = gone.pid();
  gone.kill();
  EXPECT_EQ(VmLock::acquire(pid).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(VmLock::acquire(0).error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace godwit::store
