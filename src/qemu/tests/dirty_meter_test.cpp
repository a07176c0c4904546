// What a real QEMU counts: an emulated guest is one that never writes, all else is as on KVM.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "godwit/domain/dirty_meter.h"
#include "real_qemu.h"

namespace godwit::qemu {
namespace {

const std::vector<std::string> kFirmwareOnly{"-machine", "pc", "-accel", "tcg", "-m", "64"};

using ::testing::HasSubstr;

TEST_F(RealQemu, CountsDirtiedPagesWithoutAMigration) {
  const Qemu qemu(kFirmwareOnly);
  const auto vm = connect(qemu);
  DirtyMeter* const meter = vm->dirty_meter();
  ASSERT_NE(meter, nullptr);
  EXPECT_FALSE(meter->dirty_count()->has_value()) << "nobody has begun";
  ASSERT_TRUE(meter->begin_count(Seconds(0.5)));
  const auto again = meter->begin_count(Seconds(0.5));
  EXPECT_THAT(again.error().message, HasSubstr("already being measured"));
  std::optional<DirtyCount> count;
  while (!count) {
    clock.wait_until(clock.now() + Seconds(0.02), {});
    const auto asked = meter->dirty_count();
    ASSERT_TRUE(asked) << asked.error().message;
    count = *asked;
  }
  EXPECT_EQ(count->source, DirtySource::kDirtyBitmap);
  EXPECT_GE(count->window, Seconds(0.5));
  EXPECT_EQ(count->least, Bytes());
  EXPECT_GT(count->most, Bytes());
  EXPECT_EQ(vm->migration_status()->phase, MigrationPhase::kNone);
  EXPECT_FALSE(meter->begin_count(Seconds(0.01))) << "QEMU's shortest is 50 ms";
}

}  // namespace
}  // namespace godwit::qemu
