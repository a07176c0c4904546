#include "godwit/preflight/preflight_disks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::preflight {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Disk disk(const std::string& device, const std::string& file, bool writable = true) {
  Disk one{device, file, "raw", writable};
  if (!file.empty()) one.size = 1_MiB;
  return one;
}
Disk flash(const std::string& device, const std::string& file) {
  Disk one = disk(device, file);
  one.travels_with_memory = true;
  return one;
}

/// Two QEMUs on one host, with these disks.
PreflightFacts facts_of(std::vector<Disk> here, std::vector<Disk> there) {
  PreflightFacts facts;
  facts.source.pid = 100;
  facts.source.disks = std::move(here);
  facts.destination.pid = 101;
  facts.destination.disks = std::move(there);
  return facts;
}

MigrationPlan with_storage() {
  MigrationPlan plan;
  plan.technique.storage = true;
  return plan;
}
/// The source's names of what moves.
std::vector<std::string> moved(const PreflightFacts& facts) {
  std::vector<std::string> names;
  for (const MovedDisk& disk : disks_to_move(facts)) names.push_back(disk.source);
  return names;
}
Error disks_refused(const PreflightFacts& facts, const MigrationPlan& plan = {}) {
  const auto verdict = check_disks(facts, plan);
  EXPECT_FALSE(verdict);
  return verdict ? Error{} : verdict.error();
}

TEST(PreflightDisks, FlashTravelsWithMemory) {
  auto facts = facts_of({disk("virtio0", "/shared/disk"), flash("pflash1", "/a/vars")},
                        {disk("virtio0", "/shared/disk"), flash("pflash1", "/b/vars")});
  facts.same_file = {{"virtio0", true}, {"pflash1", false}};
  EXPECT_TRUE(check_disks(facts, {}));
  EXPECT_THAT(moved(facts), IsEmpty());
  EXPECT_THAT(disks_refused(facts, with_storage()).what_to_do, HasSubstr("leave +storage out"));
  EXPECT_THAT(taken_for_granted(facts), IsEmpty());
  facts.destination.disks[1].size = 2_MiB;
  EXPECT_THAT(disks_refused(facts).message, HasSubstr("size of disk pflash1"));
}

TEST(PreflightDisks, StorageMovesExactlyWhatIsNotShared) {
  auto facts = facts_of({disk("virtio0", "/shared/disk"), disk("virtio1", "/a/own"),
                         disk("virtio2", "rbd:pool/image"), flash("pflash1", "/a/vars")},
                        {disk("virtio0", "/shared/disk"), disk("virtio1", "/b/own"),
                         disk("virtio2", "rbd:pool/image"), flash("pflash1", "/b/vars")});
  facts.same_file = {{"virtio0", true}, {"virtio1", false}, {"pflash1", false}};
  EXPECT_TRUE(check_disks(facts, with_storage()));
  EXPECT_THAT(moved(facts), ElementsAre("virtio1"));
  const Error without = disks_refused(facts);
  EXPECT_THAT(without.message, HasSubstr("virtio1=/a/own"));
  EXPECT_THAT(without.message, Not(HasSubstr("virtio0")));
  EXPECT_THAT(without.message, Not(HasSubstr("pflash1")));
  EXPECT_THAT(without.what_to_do, HasSubstr("+storage"));
  facts.destination.disks[0].size = 2_MiB;
  EXPECT_TRUE(check_disks(facts, with_storage())) << "what does not move is not measured";
}

TEST(PreflightDisks, OfTwoHostsTheNamesDecideAsLongAsNothingMoves) {
  auto facts = facts_of({disk("virtio0", "/srv/disk"), disk("virtio1", "nbd://10.0.0.9/x")},
                        {disk("virtio0", "/srv/disk"), disk("virtio1", "nbd://10.0.0.9/x")});
  facts.destination.pid = 0;
  EXPECT_TRUE(check_disks(facts, {}));
  EXPECT_TRUE(check_disks(facts, with_storage()));
  EXPECT_THAT(moved(facts), ElementsAre("virtio0"));
  for (auto* disks : {&facts.source.disks, &facts.destination.disks}) {
    disks->front().file = "nbd://localhost/x";
  }
  EXPECT_THAT(moved(facts), ElementsAre("virtio0")) << "another server on every host";
  facts.destination.pid = 101;
  EXPECT_THAT(moved(facts), IsEmpty()) << "on one host it is one";
}

TEST(PreflightDisks, ReadOnlyMediaPassWhenTheirContentIsEqual) {
  auto facts = facts_of({disk("cd0", "/a/cd.iso", false)}, {disk("cd0", "/b/cd.iso", false)});
  facts.same_file["cd0"] = false;
  facts.same_content["cd0"] = true;
  EXPECT_TRUE(check_disks(facts, {}));
  EXPECT_THAT(taken_for_granted(facts), IsEmpty()) << "it was seen";
  facts.same_content["cd0"] = false;
  EXPECT_THAT(disks_refused(facts).message, HasSubstr("read-only disk cd0 is not the same"));
}

TEST(PreflightDisks, ReadOnlyMediaThatNobodyCanComparePassByTheirSizeAndItIsSaid) {
  auto facts = facts_of({disk("cd0", "/a/cd.iso", false)}, {disk("cd0", "/b/cd.iso", false)});
  facts.destination.pid = 0;
  EXPECT_TRUE(check_disks(facts, {}));
  EXPECT_THAT(taken_for_granted(facts), ElementsAre(HasSubstr("cd0 is taken to hold the same")));
  facts.destination.disks.front().size = 2_MiB;
  EXPECT_THAT(disks_refused(facts).message, HasSubstr("cd0"));
  facts.source.disks.front().file = facts.destination.disks.front().file = "https://host/cd.iso";
  EXPECT_THAT(taken_for_granted(facts), IsEmpty()) << "one server gives both the same";
}

TEST(PreflightDisks, AMediumInOneDriveOnlyIsNamed) {
  EXPECT_TRUE(check_disks(facts_of({disk("cd0", "", false)}, {disk("cd0", "", false)}), {}));
  for (const bool full_here : {true, false}) {
    const Disk full = disk("cd0", "/a/cd.iso", false);
    const Disk empty = disk("cd0", "", false);
    const Error error =
        disks_refused(full_here ? facts_of({full}, {empty}) : facts_of({empty}, {full}));
    EXPECT_THAT(error.message, HasSubstr("drive cd0 differs"));
    EXPECT_THAT(error.message, HasSubstr("the drive is empty"));
    EXPECT_THAT(error.what_to_do, HasSubstr("eject"));
  }
}

TEST(PreflightDisks, ADriveThatOneSideLacksIsNamedAlone) {
  const Error error = disks_refused(facts_of({disk("virtio0", "/a"), disk("virtio1", "/b")},
                                             {disk("virtio0", "/a"), disk("virtio2", "/b")}));
  EXPECT_THAT(error.message, HasSubstr("[virtio1=/b] on the source, [virtio2=/b]"));
  EXPECT_THAT(error.what_to_do, Not(HasSubstr("+storage")));
}

TEST(PreflightDisks, ASharedDiskThatTheDestinationMayNotWriteToIsRefused) {
  auto facts = facts_of({disk("virtio0", "/shared")}, {disk("virtio0", "/shared", false)});
  facts.same_file["virtio0"] = true;
  EXPECT_THAT(disks_refused(facts).message, HasSubstr("cannot be written"));
}

Disk placed(Disk disk, const std::string& place) {
  disk.place = place;
  return disk;
}

/// Names that each host chose, crosswise: the stream goes by places.
TEST(PreflightDisks, DisksArePairedByTheirPlacesAndNotByTheirNames) {
  auto facts =
      facts_of({placed(disk("a", "/src/1"), "pci 03.0"), placed(disk("b", "/src/2"), "pci 04.0")},
               {placed(disk("a", "/dst/2"), "pci 04.0"), placed(disk("b", "/dst/1"), "pci 03.0")});
  facts.same_file = {{"a", false}, {"b", true}};
  EXPECT_TRUE(check_disks(facts, with_storage()));
  EXPECT_THAT(disks_to_move(facts), ElementsAre(MovedDisk{"a", "b"}));
  facts.destination.disks[1].size = 2_MiB;
  EXPECT_THAT(disks_refused(facts, with_storage()).message,
              HasSubstr("the size of disk a (b at the destination)"));
  facts.destination.disks[1].place = "pci 05.0";
  EXPECT_THAT(disks_refused(facts).message, HasSubstr("[a=/src/1] on the source, [b=/dst/1]"));
}

TEST(PreflightDisks, AnEmptyDriveThatNoDeviceHasIsNothingToTheGuest) {
  EXPECT_TRUE(check_disks(facts_of({disk("sd0", "", false)}, {}), {}));
  EXPECT_THAT(disks_refused(facts_of({placed(disk("cd0", "", false), "ide 0")}, {})).message,
              HasSubstr("cd0"));
}

/// On two hosts, with these names of one disk.
PreflightFacts apart(const std::string& here, const std::string& there) {
  auto facts = facts_of({disk("virtio0", here)}, {disk("virtio0", there)});
  facts.source.pid = facts.destination.pid = 0;
  return facts;
}

TEST(PreflightDisks, AMediumReachedInOtherWaysIsTheSameWhichIsSaid) {
  const auto facts = apart("rbd:pool/image:id=a:conf=/etc/a.conf", "rbd:pool/image:id=b");
  EXPECT_TRUE(check_disks(facts, {}));
  EXPECT_THAT(moved(facts), IsEmpty()) << "never into itself";
  EXPECT_THAT(disks_refused(facts, with_storage()).what_to_do, HasSubstr("leave +storage out"));
  EXPECT_THAT(taken_by_name(facts, {}), ElementsAre(HasSubstr("both name the same pool/image")));
  EXPECT_THAT(disks_refused(apart("rbd:pool/image", "rbd:pool/other")).message,
              HasSubstr("disks differ: "));
}

TEST(PreflightDisks, NamesThatTellNothingAreRefusedWithBothWaysOut) {
  for (const auto& [here, there] : {std::pair{"/mnt/nfs/disk", "/srv/images/disk"},
                                    std::pair{"nbd://a.example/x", "nbd://10.0.0.9/x"},
                                    std::pair{"rbd:pool/image", "/dev/rbd/pool/image"}}) {
    const auto facts = apart(here, there);
    const Error error = disks_refused(facts);
    EXPECT_THAT(error.message, HasSubstr("cannot be seen from here")) << here;
    EXPECT_THAT(error.what_to_do, HasSubstr("give it one name on both sides"));
    EXPECT_THAT(error.what_to_do, HasSubstr("+storage"));
    EXPECT_TRUE(check_disks(facts, with_storage()));
    EXPECT_THAT(taken_by_name(facts, with_storage()),
                ElementsAre(HasSubstr("it is taken to be two, and is moved")));
  }
}

TEST(PreflightDisks, TheNumberOfADescriptorTellsNothing) {
  auto facts = facts_of({disk("virtio0", "/dev/fdset/1")}, {disk("virtio0", "/dev/fdset/1")});
  EXPECT_THAT(taken_by_name(facts, {}), ElementsAre(HasSubstr("cannot be compared")));
  facts.same_file["virtio0"] = false;
  EXPECT_THAT(disks_refused(facts).message, HasSubstr("disks differ"));
  EXPECT_THAT(disks_refused(facts, with_storage()).message,
              HasSubstr("as a descriptor (/dev/fdset/1)"))
      << "QEMU would abort";
  facts.same_file["virtio0"] = true;
  EXPECT_THAT(taken_by_name(facts, {}), IsEmpty());
}

}  // namespace
}  // namespace godwit::preflight
