#include "godwit/domain/combination_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "products.h"

namespace godwit {
namespace {

using testing::HasSubstr;

VmDescription qemu(int major, int minor) {
  VmDescription vm;
  vm.version_major = major;
  vm.version_minor = minor;
  vm.version = std::to_string(major) + "." + std::to_string(minor) + ".2";
  return vm;
}

Technique technique(const char* name) {
  return parse_technique(name).value();
}

TEST(CombinationRule, NamedOnesArePossible) {
  for (const Technique preset : kLivePresets) EXPECT_TRUE(check_combination(preset, qemu(2, 6)));
  for (const Technique cold : {Technique::kCold, Technique::kColdZstd}) {
    EXPECT_TRUE(check_combination(cold));
  }
}

TEST(CombinationRule, WhatQemuCombinesIsPossible) {
  for (const char* name :
       {"multifd-zstd+auto-converge", "xbzrle+auto-converge", "auto-converge+hybrid",
        "xbzrle+hybrid", "multifd-zlib+stop-and-copy", "auto-converge+postcopy+storage"}) {
    EXPECT_TRUE(check_combination(technique(name), qemu(7, 2))) << name;
  }
}

TEST(CombinationRule, WhatNoQemuCanIsRefusedByNameAndSaysWhatToDo) {
  for (const char* name : {"multifd+xbzrle", "multifd+compress", "zstd", "zlib+auto-converge",
                           "cold+storage", "multifd+cold", "xbzrle+cold", "auto-converge+cold"}) {
    const auto verdict = check_combination(technique(name));
    ASSERT_FALSE(verdict) << name;
    EXPECT_EQ(verdict.error().code, ErrorCode::kBadInput);
    EXPECT_THAT(verdict.error().message, HasSubstr("'" + to_string(technique(name)) + "'"));
    EXPECT_FALSE(verdict.error().what_to_do.empty());
    EXPECT_FALSE(check_combination(technique(name), qemu(11, 0)));
  }
}

TEST(CombinationRule, MultifdAndPostcopyWaitForQemu10_1) {
  for (const char* name : {"multifd+postcopy", "multifd-zstd+hybrid"}) {
    EXPECT_TRUE(check_combination(technique(name))) << name;
    EXPECT_TRUE(check_combination(technique(name), qemu(10, 1)));
    EXPECT_TRUE(check_combination(technique(name), qemu(11, 0)));
    const auto verdict = check_combination(technique(name), qemu(10, 0));
    ASSERT_FALSE(verdict);
    EXPECT_EQ(verdict.error().code, ErrorCode::kUnsupported);
    EXPECT_THAT(verdict.error().message, HasSubstr("QEMU 10.0.2"));
    EXPECT_THAT(verdict.error().message, HasSubstr(name));
    EXPECT_THAT(verdict.error().what_to_do.text(), HasSubstr("update QEMU"));
  }
}

/// A newer QEMU never loses what an older one had.
RC_GTEST_PROP(CombinationRule, VersionsOnlyAdd, ()) {
  const Technique any = *rc::gen::elementOf(all_products());
  const int major = *rc::gen::inRange(2, 12);
  const int minor = *rc::gen::inRange(0, 3);
  if (check_combination(any, qemu(major, minor))) {
    RC_ASSERT(check_combination(any, qemu(major, minor + 1)).has_value());
    RC_ASSERT(check_combination(any, qemu(major + 1, 0)).has_value());
    RC_ASSERT(check_combination(any).has_value());
  }
}

}  // namespace
}  // namespace godwit
