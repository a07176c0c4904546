#include "godwit/medium/medium.h"

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

/// Do two names lead to one medium? "yes", "no" or "unknown".
std::string one(const std::string& a, const std::string& b) {
  const auto verdict = is_one_medium(of(a), of(b));
  EXPECT_EQ(verdict, is_one_medium(of(b), of(a)));
  return !verdict ? "unknown" : *verdict ? "yes" : "no";
}

TEST(Medium, IsTheSameByWhateverOptionsItIsReached) {
  const std::vector<std::pair<std::string, std::string>> same{
      {"rbd:pool/image:id=a:conf=/etc/a.conf", R"(rbd:pool/image:mon_host=10.0.0.1\:6789)"},
      {"rbd:pool/image", R"(json:{"driver":"rbd","pool":"pool","image":"image","user":"b",
                                  "conf":"/etc/b.conf","server":[{"host":"h","port":"6789"}]})"},
      {"rbd:pool/space/image@snap",
       R"(json:{"driver":"raw","file":{"driver":"rbd","pool":"pool","namespace":"space",
                "image":"image","snapshot":"snap"}})"},
      {"iscsi://10.0.0.1/iqn.2020-01.org.x:t/1",
       "iscsi://user%pw@10.0.1.1:3261/iqn.2020-01.org.x:t/1"},
      {"iscsi://10.0.0.1/iqn.x/0",
       R"(json:{"driver":"iscsi","transport":"tcp","portal":"10.0.0.7:3260","target":"iqn.x"})"},
      {"iscsi://10.0.0.1/iqn.x/2",
       R"(json:{"driver":"iscsi","transport":"tcp","portal":"10.0.0.7","target":"iqn.x","lun":2,
                "initiator-name":"iqn.me"})"},
      {"nbd://10.0.0.9/disk", "nbd:10.0.0.9:10809:exportname=disk"},
      {"nbd://10.0.0.9:10809/disk", R"(json:{"driver":"raw","file":{"driver":"nbd","export":"disk",
          "server":{"type":"inet","host":"10.0.0.9","port":"10809"},"tls-creds":"t0"}})"},
      {"nbd://10.0.0.9/disk", R"(json:{"driver":"nbd","export":"disk","server.type":"inet",
                                       "server.host":"10.0.0.9","server.port":"10809"})"},
      {"nbd://[fd00::9]/disk", R"(json:{"driver":"nbd","export":"disk",
                                        "server":{"host":"fd00::9","port":"10809"}})"},
      {"nfs://10.0.0.9/srv/a.img?uid=1", "nfs://10.0.0.9/srv/a.img?readahead=9"},
      {"gluster://h/volume/a.img", R"(json:{"driver":"gluster","volume":"volume","path":"a.img",
                         "server":[{"type":"inet","host":"h","port":"24007"}],"debug":4})"},
      {"ssh://me@h/srv/a.img", "ssh://you@h:22/srv/a.img?host_key_check=no"},
      {"https://h/a.iso", R"(json:{"driver":"https","url":"https://h/a.iso","readahead":65536})"}};
  for (const auto& [a, b] : same) EXPECT_EQ(one(a, b), "yes") << a << "\n" << b;
}

TEST(Medium, IsAnotherWhereTheSamePlaceHasItByAnotherName) {
  EXPECT_EQ(one("rbd:pool/image", "rbd:pool/other"), "no");
  EXPECT_EQ(one("rbd:pool/image", "rbd:pool/image@snap"), "no");
  EXPECT_EQ(one("iscsi://10.0.0.1/iqn.x/0", "iscsi://10.0.0.1/iqn.x/1"), "no");
  EXPECT_EQ(one("nbd://10.0.0.9/a", "nbd://10.0.0.9/b"), "no");
  EXPECT_EQ(one("https://h/a?v=1", "https://h/a?v=2"), "no");
}

TEST(Medium, IsNotKnownWhereNamesDoNotTell) {
  EXPECT_EQ(one("nbd://a.example/disk", "nbd://10.0.0.9/disk"), "unknown");
  EXPECT_EQ(one("gluster://h1/volume/a", "gluster://h2/volume/a"), "unknown");
  EXPECT_EQ(one("rbd:pool/image", "/dev/rbd/pool/image"), "unknown");
  EXPECT_EQ(one("/mnt/a", "/mnt/a"), "unknown");
  EXPECT_EQ(one("iscsi://127.0.0.1/iqn.x/0", "iscsi://10.0.0.1/iqn.x/0"), "unknown");
  EXPECT_EQ(one("nbd://localhost/disk", "nbd://localhost/disk"), "unknown");
  EXPECT_EQ(one("", ""), "unknown");
}

TEST(Medium, ADescriptorThatWasHandedOverHasANumberForAName) {
  const auto set = [](const std::string& name) {
    Disk disk;
    disk.file = name;
    return fd_set_of(disk);
  };
  EXPECT_EQ(of("/dev/fdset/2").kind, Kind::kHandle);
  EXPECT_EQ(set("/dev/fdset/2"), 2);
  EXPECT_EQ(set(R"(json:{"driver":"raw","file":{"driver":"file","filename":"/dev/fdset/7"}})"), 7);
  EXPECT_EQ(set("/dev/fdset/x"), std::nullopt);
  EXPECT_EQ(set("/srv/disk"), std::nullopt);
  EXPECT_EQ(of("host_device:/dev/sda").path, "/dev/sda");
}

}  // namespace
}  // namespace godwit
