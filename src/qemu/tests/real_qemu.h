#pragma once

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "godwit/qemu/qmp_hypervisor.h"

namespace godwit::qemu {

inline constexpr Seconds kEnough{60};

/// A QEMU in a folder of its own; both are gone with the object, and with this process.
class Qemu {
 public:
  explicit Qemu(std::vector<std::string> arguments) {
    folder_ = std::filesystem::temp_directory_path() / "godwit-real-XXXXXX";
    if (::mkdtemp(folder_.data()) == nullptr) std::abort();
    arguments.insert(arguments.begin(), "qemu-system-x86_64");
    for (const std::string& more :
         {std::string("-display"), std::string("none"), std::string("-nodefaults"),
          std::string("-qmp"), "unix:" + path() + ",server=on,wait=off"}) {
      arguments.push_back(more);
    }
    std::vector<char*> argv;
    for (std::string& one : arguments) argv.push_back(one.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
  }
  Qemu(const Qemu&) = delete;
  Qemu& operator=(const Qemu&) = delete;
  ~Qemu() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string path() const { return folder_ + "/qmp"; }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
  pid_t pid_ = 0;
};

class RealQemu : public ::testing::Test {
 protected:
  /// Connects by `call` as soon as QEMU listens.
  template <class Call>
  auto once_it_listens(Call call) {
    const TimePoint deadline = clock.now() + kEnough;
    auto connected = call();
    while (!connected && connected.error().code == ErrorCode::kNotFound && clock.now() < deadline) {
      clock.wait_until(clock.now() + Seconds(0.02), {});
      connected = call();
    }
    if (!connected) throw std::runtime_error(connected.error().message);
    return std::move(*connected);
  }
  std::unique_ptr<QmpHypervisor> connect(const Qemu& qemu) {
    return once_it_listens([&] {
      return QmpHypervisor::connect(qemu.path(), clock, {kEnough, kEnough});
    });
  }
  /// Events up to the first of that kind.
  HypervisorEvent await(QmpHypervisor& vm, HypervisorEvent::Kind kind) {
    while (true) {
      auto event = vm.next_event(clock.now() + kEnough);
      if (!event || !*event) throw std::runtime_error("the event never came");
      if ((*event)->kind == kind) return **event;
    }
  }
  MigrationStatus await_end(QmpHypervisor& vm) {
    while (true) {
      const auto event = await(vm, HypervisorEvent::Kind::kMigration);
      if (is_final(event.phase)) return vm.migration_status().value();
    }
  }

  RealClock clock;
};

}  // namespace godwit::qemu
