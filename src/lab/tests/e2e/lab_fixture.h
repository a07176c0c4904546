#pragma once

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "godwit/lab/facts.h"
#include "godwit/lab/lab.h"
#include "godwit/probe/ping_probe.h"
#include "paths.h"
#include "processes.h"

namespace godwit::lab {

/// What a lab could leave behind on this machine.
struct Traces {
  std::set<std::string> namespaces;
  std::set<std::string> links;  ///< in this process's own namespace
  std::set<std::string> files;  ///< under /run/godwit
  friend bool operator==(const Traces&, const Traces&) = default;
};

/// Those of labs named `prefix…` only, for other tests run beside this one.
inline Traces traces_of(const std::string& prefix) {
  namespace fs = std::filesystem;
  Traces traces;
  for (const std::string& name : {std::string(kNetnsRoot)}) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(name, none)) {
      const std::string netns = entry.path().filename().string();
      if (netns.starts_with("godwit-" + prefix)) traces.namespaces.insert(netns);
    }
  }
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/sys/class/net", none)) {
    traces.links.insert(entry.path().filename().string());
  }
  for (const auto& entry : fs::directory_iterator(kRunRoot, none)) {
    if (entry.path().filename().string().starts_with(prefix)) {
      traces.files.insert(entry.path().string());
    }
  }
  return traces;
}

/// Living (not zombie) processes whose command line holds `text`, this one excepted.
inline std::set<pid_t> processes_with(const std::string& text) {
  std::set<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0 || pid == getpid()) continue;
    for (const std::string& argument : facts_of(pid).arguments) {
      if (argument.find(text) != std::string::npos) found.insert(pid);
    }
  }
  return found;
}

/// Tests that need namespaces: root, and the programs and image that `./dev setup` brings. They
/// are skipped elsewhere, with the reason.
class LabTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    // beside a test program there is no guest-image; `./dev test` says where it is
    if (auto image = find_guest_image(); !image) GTEST_SKIP() << image.error().message;
    before_ = traces_of(prefix_);
  }
  void TearDown() override {
    if (IsSkipped()) return;  // nothing was built
    for (const std::string& lab : {prefix_, prefix_ + "b"}) {
      if (auto gone = down(lab); !gone) ADD_FAILURE() << gone.error().message;
    }
    const Traces after = traces_of(prefix_);
    EXPECT_EQ(before_.namespaces, after.namespaces);
    EXPECT_EQ(before_.links, after.links);
    EXPECT_EQ(before_.files, after.files);
    EXPECT_EQ(std::set<pid_t>{}, processes_with(lab_folder(prefix_)));
  }

  [[nodiscard]] LabSpec spec() const {
    LabSpec spec;
    spec.name = prefix_;
    return spec;
  }
  [[nodiscard]] GuestSpec guest() const {
    GuestSpec guest;
    guest.ram = Bytes(128LL << 20);
    return guest;
  }
  static testing::AssertionResult pings(const std::string& address, const std::string& netns) {
    probe::PingProbe ping({address, netns, Seconds{0.01}});
    auto answered = ping.start(Seconds{10});
    if (answered) return testing::AssertionSuccess();
    return testing::AssertionFailure() << answered.error().message;
  }

  std::string prefix_ = "t" + std::to_string(getpid());
  Traces before_;
};

template <class T>
testing::AssertionResult good(const Result<T>& result) {
  if (result) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << result.error().message << " — " << result.error().what_to_do.text();
}

}  // namespace godwit::lab
