#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/lab/lab.h"
#include "godwit/qemu/qmp_hypervisor.h"
#include "godwit_program.h"
#include "patience.h"

namespace godwit::e2e {

/// A lab whose guest has a disk of its host's own. Every test begins and ends with nothing of it.
class DiskLab : public testing::Test {
 protected:
  static constexpr const char* kLab = "e2e";

  void SetUp() override {
    ASSERT_EQ(run_godwit({"lab", "down", "--lab", kLab}).status, 0);
    before_ = traces();
  }
  void TearDown() override {
    EXPECT_EQ(run_godwit({"lab", "down", "--lab", kLab}).status, 0);
    EXPECT_EQ(traces(), before_);
  }

  [[nodiscard]] static lab::GuestStatus guest() { return lab::find_guest(kLab, "guest").value(); }
  /// The guest's QEMU on that host.
  [[nodiscard]] static lab::Instance on(const std::string& host) {
    for (const lab::Instance& one : guest().instances) {
      if (one.host == host) return one;
    }
    throw std::runtime_error("no QEMU on " + host);
  }
  static void change_load(const std::string& load) {
    const auto changed = lab::change_load(kLab, "guest", load, kPatience);
    ASSERT_TRUE(changed) << changed.error().message;
  }
  /// An onlooker.
  [[nodiscard]] std::unique_ptr<qemu::QmpHypervisor> observe(const lab::Instance& one) {
    auto seen = qemu::QmpHypervisor::connect(one.observer_qmp, clock_);
    if (!seen) throw std::runtime_error(seen.error().message);
    return std::move(*seen);
  }
  [[nodiscard]] std::unique_ptr<qemu::QmpHypervisor> observe(const std::string& host) {
    return observe(on(host));
  }
  [[nodiscard]] Json asked(const lab::Instance& one, const std::string& question) {
    const TimePoint deadline = clock_.now() + Seconds(60);
    auto client = qmp::QmpClient::connect(one.observer_qmp, clock_, deadline).value();
    return client.execute(question, Json::object(), deadline).value();
  }
  void await(const std::function<bool()>& seen) {
    if (!comes(clock_, seen)) FAIL() << "it did not get that far";
  }

  RealClock clock_;
  TemporaryFolder folder_;

 private:
  std::vector<std::string> before_;
};

}  // namespace godwit::e2e
