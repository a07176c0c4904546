#include "godwit/domain/tcg_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

namespace godwit {
namespace {

VmDescription vm(const char* accelerator, int major) {
  VmDescription description;
  description.accelerator = accelerator;
  description.version_major = major;
  description.version = std::to_string(major) + ".2.0";
  return description;
}

TEST(TcgRule, RefusesEveryCopyOfARunningGuestOnOldTcg) {
  for (const Technique technique : kAllTechniques) {
    const auto verdict = refuse_unsafe(vm("tcg", 7), technique);
    EXPECT_EQ(verdict.has_value(), technique == Technique::kStopAndCopy) << to_string(technique);
  }
}

TEST(TcgRule, SaysWhyAndWhatToDo) {
  const auto verdict = refuse_unsafe(vm("tcg", 8), Technique::kPostcopy);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(verdict.error().message, testing::HasSubstr("postcopy"));
  EXPECT_THAT(verdict.error().message, testing::HasSubstr("8.2.0"));
  EXPECT_THAT(verdict.error().what_to_do, testing::HasSubstr("stop-and-copy"));
}

RC_GTEST_PROP(TcgRule, HoldsNothingAgainstKvmNorAgainstNewQemu, ()) {
  const auto technique = *rc::gen::elementOf(kAllTechniques);
  RC_ASSERT(refuse_unsafe(vm("kvm", *rc::gen::inRange(2, 30)), technique).has_value());
  RC_ASSERT(refuse_unsafe(vm("tcg", *rc::gen::inRange(9, 30)), technique).has_value());
}

}  // namespace
}  // namespace godwit
