#include "godwit/control/tcg_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

namespace godwit::control {
namespace {

VmDescription vm(const char* accelerator, int major) {
  VmDescription description;
  description.accelerator = accelerator;
  description.version_major = major;
  description.version = std::to_string(major) + ".2.0";
  return description;
}

TEST(TcgRule, RefusesOldTcgAndSaysWhyAndWhatToDo) {
  const auto verdict = refuse_unsafe(vm("tcg", 8));
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(verdict.error().message, testing::HasSubstr("8.2.0"));
  EXPECT_THAT(verdict.error().what_to_do, testing::HasSubstr("QEMU 9"));
}

RC_GTEST_PROP(TcgRule, HoldsNothingAgainstKvmNorAgainstNewQemu, ()) {
  RC_ASSERT(refuse_unsafe(vm("kvm", *rc::gen::inRange(2, 30))).has_value());
  RC_ASSERT(refuse_unsafe(vm("tcg", *rc::gen::inRange(9, 30))).has_value());
}

}  // namespace
}  // namespace godwit::control
