#include "godwit/domain/medium.h"

#include <gtest/gtest.h>

namespace godwit {
namespace {

Medium of(const std::string& name) {
  Disk disk;
  disk.file = name;
  return medium_of(disk);
}
using Kind = Medium::Kind;

TEST(Medium, IsReadOffTheName) {
  EXPECT_EQ(of("").kind, Kind::kNone);
  EXPECT_EQ(of("/srv/a:b.img").path, "/srv/a:b.img");
  EXPECT_EQ(of("disk.img").kind, Kind::kFile);
  for (const char* shared : {"rbd:pool/image", "nbd://10.0.0.9/disk", "iscsi://10.0.0.9/iqn.x/0",
                             "https://example.org/a.iso", "gluster+tcp://host/volume/a.img",
                             R"(json:{"driver":"rbd","pool":"p","image":"i"})",
                             R"(json:{"driver":"raw","file":{"driver":"nbd","server":
                                {"type":"inet","host":"10.0.0.9","port":"10809"}}})"}) {
    EXPECT_EQ(of(shared).kind, Kind::kNetwork) << shared;
  }
}

TEST(Medium, IsFoundBehindFiltersAndFormats) {
  const Medium medium =
      of(R"(json:{"throttle-group":"g","driver":"throttle","file":{"driver":"qcow2",
         "backing":{"driver":"file","filename":"/srv/base"},
         "file":{"driver":"file","filename":"/srv/disk.qcow2"}}})");
  EXPECT_EQ(medium.kind, Kind::kFile);
  EXPECT_EQ(medium.path, "/srv/disk.qcow2");
}

TEST(Medium, AServerOfThisHostIsNotShared) {
  for (const char* own : {"nbd://localhost/disk", "nbd://127.0.0.1:10809/disk",
                          "nbd+unix:///disk?socket=/run/nbd", "nbd:unix:/run/nbd", "null-co://",
                          R"(json:{"driver":"nbd","server":{"type":"unix","path":"/run/nbd"}})",
                          R"(json:{"driver":"null-co"})", "json:{", "json:7", "fat:rw:/srv"}) {
    EXPECT_EQ(of(own).kind, Kind::kOther) << own;
  }
}

}  // namespace
}  // namespace godwit
