// How disks are written, by dirty bitmaps: what QEMU says of them, and a real one's.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "decode_sharing.h"
#include "real_qemu.h"

namespace godwit::qemu {
namespace {

TEST(NodeBitmaps, HaveTheirDisksNameAndWhatTheyCounted) {
  const Json answer = Json::parse(R"([
    {"device": "", "qdev": "/machine/peripheral/disk0/virtio-backend", "inserted": {
      "node-name": "n0", "dirty-bitmaps": [
        {"name": "godwit-watch", "count": 131072, "granularity": 65536, "recording": true},
        {"count": 0, "granularity": 65536}]}},
    {"device": "virtio1", "inserted": {"node-name": "n1", "dirty-bitmaps": [
        {"name": "mine", "count": 0, "granularity": 1048576}]}},
    {"device": "cd0"}, {"device": "virtio2", "inserted": {"node-name": "n2"}}])");
  const auto bitmaps = decode_node_bitmaps(answer);
  ASSERT_TRUE(bitmaps) << bitmaps.error().message;
  EXPECT_THAT(*bitmaps, testing::ElementsAre(NodeBitmap{"/machine/peripheral/disk0/virtio-backend",
                                                        "n0", "godwit-watch", 128_KiB, 64_KiB},
                                             NodeBitmap{"virtio1", "n1", "mine", Bytes(0), 1_MiB}));
}

const std::vector<std::string> kWithADisk{"-machine",
                                          "pc",
                                          "-accel",
                                          "tcg",
                                          "-S",
                                          "-m",
                                          "64",
                                          "-blockdev",
                                          "driver=null-co,size=16777216,node-name=d0",
                                          "-device",
                                          "virtio-blk-pci,drive=d0,id=disk0"};

TEST_F(RealQemu, ItsDisksAreWatchedAndNothingStays) {
  const Qemu qemu(kWithADisk);
  const auto vm = connect(qemu);
  DiskWatch* const watch = vm->disk_watch();
  ASSERT_NE(watch, nullptr);
  const std::string disk = vm->describe()->disks.front().device;
  EXPECT_TRUE(watch->written_so_far()->empty());
  ASSERT_TRUE(watch->watch_writes({disk}));
  EXPECT_THAT(watch->written_so_far().value(),
              testing::ElementsAre(WrittenSoFar{disk, 64_KiB, Bytes(0)}));
  EXPECT_TRUE(watch->watch_writes({disk})) << "what an earlier watch left goes";
  EXPECT_FALSE(watch->watch_writes({disk, "no such disk"}));
  ASSERT_TRUE(watch->end_watching());
  EXPECT_TRUE(watch->written_so_far()->empty());
  EXPECT_TRUE(watch->end_watching()) << "without effect";
}

}  // namespace
}  // namespace godwit::qemu
