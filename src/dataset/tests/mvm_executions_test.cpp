#include "godwit/dataset/mvm_executions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::dataset {
namespace {

using testing::HasSubstr;

constexpr const char* kMvmHeader =
    "instance,vm,from,to,mem_mb,hot_dirty_mb,hot_dirty_s,cold_dirty_mb_per_s,bandwidth_mbit_per_s,"
    "planned_start_s,planned_end_s,run,real_start_s,real_end_s\n";

TEST(MvmExecutions, AreReadWithTheirUnits) {
  const auto moves =
      read_mvm_executions(std::string(kMvmHeader) + "3,7,1,2,2000,64,2,1.5,500,10,50,4,11,52\n");
  ASSERT_TRUE(moves) << moves.error().message;
  ASSERT_EQ(moves->size(), 1u);
  const MvmMove& move = moves->front();
  EXPECT_EQ(move.instance, 3);
  EXPECT_EQ(move.vm, 7);
  EXPECT_EQ(move.memory, 2000_MB);
  EXPECT_EQ(move.hot, 64_MB);
  EXPECT_EQ(move.planned, 500_Mbit_per_s);
  EXPECT_EQ(move.cold, BytesPerSecond(1.5e6));
  EXPECT_EQ(move.run, 4);
  EXPECT_EQ(move.real_end - move.real_start, Seconds(41));
}

TEST(MvmExecutions, WhatIsNoMigrationIsNamedWithItsRow) {
  for (const char* row : {"3,7,1,2,2000,64,2,1.5,500,10,50,4,52,52\n",  // takes no time
                          "3,7,1,1,2000,64,2,1.5,500,10,50,4,11,52\n",  // to where it is
                          "3,7,1,2,2000,64,2,1.5,0,10,50,4,11,52\n",    // at no rate
                          "3,7,1,2,1e300,64,2,1.5,500,10,50,4,11,52\n"}) {
    const auto moves = read_mvm_executions(std::string(kMvmHeader) + row);
    ASSERT_FALSE(moves) << row;
    EXPECT_THAT(moves.error().message, HasSubstr("row 1"));
  }
}

}  // namespace
}  // namespace godwit::dataset
