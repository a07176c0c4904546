#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "godwit/codec/codec.h"

namespace godwit {
namespace {

const LentCpu kLent{4711,
                    123456,
                    CgroupVersion::kV2,
                    "godwit-4711-123456",
                    {{"/sys/fs/cgroup/machine.slice/vm.scope/libvirt/vcpu0", true},
                     {"/sys/fs/cgroup/machine.slice/vm.scope/libvirt/vcpu1", false}}};

TEST(LentCpuCodec, ReadsWhatItWrote) {
  EXPECT_EQ(lent_cpu_from_json(to_json(kLent)).value(), kLent);
  LentCpu v1 = kLent;
  v1.version = CgroupVersion::kV1;
  EXPECT_EQ(lent_cpu_from_json(to_json(v1)).value(), v1);
}

TEST(LentCpuCodec, WhatIsMissingOrWrongIsSaid) {
  for (const char* const key : {"pid", "started", "cgroup_version", "group", "homes"}) {
    Json json = to_json(kLent);
    json.erase(key);
    const auto read = lent_cpu_from_json(json);
    ASSERT_FALSE(read) << key;
    EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(read.error().message.find(key), std::string::npos) << read.error().message;
  }
  Json version = to_json(kLent);
  version["cgroup_version"] = 3;
  EXPECT_FALSE(lent_cpu_from_json(version));
  Json home = to_json(kLent);
  home["homes"][1].erase("folder");
  const auto read = lent_cpu_from_json(home);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("homes[1].folder"), std::string::npos);
}

}  // namespace
}  // namespace godwit
