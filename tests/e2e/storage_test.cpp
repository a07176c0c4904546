// A guest whose disk is its host's own takes it along; and what is left when that breaks.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "disk_lab.h"

namespace godwit::e2e {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kWrites = "disk-write,set=32MiB,rate=4MB/s,fill=40MiB";

constexpr std::streamsize kDisk = 64 << 20;

std::string content_of(std::ifstream& file) {
  std::string content(static_cast<std::size_t>(kDisk), '\0');
  file.clear();
  file.seekg(0);
  file.read(content.data(), kDisk);
  EXPECT_EQ(file.gcount(), kDisk);
  return content;
}

class Storage : public DiskLab {
 protected:
  void up(const std::string& rate) const {
    const Finished run = run_godwit({"lab", "up", "--lab", kLab, "--rate", rate, "--disk", "64MiB",
                                     "--own-disks", "--load", kWrites, "--json"});
    ASSERT_EQ(run.status, 0) << run.out << run.err;
  }
  [[nodiscard]] std::vector<std::string> move(const std::string& host, const std::string& technique,
                                              const std::string& max_time = "60s") const {
    return {"migrate",     "lab:guest",
            "lab:" + host, "--lab",
            kLab,          "--technique",
            technique,     "--for",
            "1s",          "--max-time",
            max_time,      "--json",
            "--store",     folder_.file("outcomes.db")};
  }
  /// Onlooker at the source.
  [[nodiscard]] std::unique_ptr<qemu::QmpHypervisor> observe() {
    return DiskLab::observe(guest().instances.front());
  }
  void await_mirrored(Bytes bytes) {
    const auto source = observe();
    await([&] {
      const auto status = source->storage_status();
      return status && status->done >= bytes;
    });
  }
  /// The guest is where it was, its disk works, and QEMU has nothing of ours.
  void expect_untouched(const Finished& run) {
    EXPECT_EQ(run.status, 1) << run.out << run.err;
    const Json outcome = run.json().at("outcome");
    EXPECT_EQ(outcome.at("vm_runs_on"), "source") << outcome.dump();
    EXPECT_EQ(outcome.at("guest").at("alive"), true) << outcome.dump();
    EXPECT_TRUE(outcome.at("storage").at("ready_after_s").is_null()) << outcome.dump();
    EXPECT_THAT(nodes(), Each(Not(HasSubstr("godwit"))));
    EXPECT_EQ(observe()->storage_status().value(), StorageStatus{});
    EXPECT_EQ(guest().instances.size(), 1U);
    change_load("disk-write,set=16MiB,rate=4MB/s");  // it is filled anew: that can fail
  }
  [[nodiscard]] std::vector<std::string> nodes() {
    const Json all = asked(guest().instances.front(), "query-named-block-nodes");
    std::vector<std::string> names;
    for (const Json& one : all) names.push_back(one.at("node-name").get<std::string>());
    return names;
  }
};

TEST_F(Storage, AGuestTakesItsDiskAlongToAndFro) {
  up("15MB/s");
  std::ifstream here(guest().instances.front().disk, std::ios::binary);
  const std::string at_first = content_of(here);
  GodwitProgram godwit(move("b", "precopy+storage"));
  {
    const auto source = observe();
    const auto sent = [&] { return source->migration_status()->transferred.value_or(Bytes(0)); };
    await([&] { return sent() > Bytes(5'000'000); });        // the mirror has caught up and follows
    ASSERT_TRUE(lab::set_migration_rate(kLab, 2_MB_per_s));  // or it may end before
    change_load("idle");
    ASSERT_TRUE(lab::set_migration_rate(kLab, 15_MB_per_s));
    ASSERT_EQ(source->migration_status()->phase, MigrationPhase::kActive);
  }
  // It has not written since, so both files must be what it believes; ours is still open.
  const Finished there = godwit.wait();
  ASSERT_EQ(there.status, 0) << there.out << there.err;
  const Json outcome = there.json().at("outcome");
  EXPECT_EQ(outcome.at("technique"), "precopy+storage");
  EXPECT_EQ(outcome.at("requested").at("technique"), "precopy+storage");
  EXPECT_EQ(outcome.at("guest").at("alive"), true) << outcome.dump();
  EXPECT_GE(outcome.at("storage").at("mirrored_bytes"), 64 << 20);
  EXPECT_GT(outcome.at("total_time_s"), outcome.at("storage").at("ready_after_s"));
  ASSERT_EQ(guest().instances.size(), 1U);
  ASSERT_EQ(guest().instances.front().host, "b");
  std::ifstream moved(guest().instances.front().disk, std::ios::binary);
  const std::string at_last = content_of(here);
  EXPECT_TRUE(content_of(moved) == at_last);
  EXPECT_FALSE(at_first == at_last) << "it wrote while its disk was mirrored";

  change_load(kWrites);  // and writes where it is now
  EXPECT_FALSE(content_of(moved) == at_last);
  const Finished back = run_godwit(move("a", "postcopy+storage"));
  ASSERT_EQ(back.status, 0) << back.out << back.err;
  EXPECT_EQ(back.json().at("outcome").at("technique"), "postcopy+storage");
  EXPECT_EQ(guest().instances.front().host, "a");
  change_load("disk-read,set=32MiB,rate=4MB/s");
}

TEST_F(Storage, TheDestinationIsKilledWhileMirroringAndTheGuestGoesOnAtTheSource) {
  up("10MB/s");
  GodwitProgram godwit(move("b", "precopy+storage"));
  await_mirrored(Bytes(5'000'000));
  ASSERT_EQ(::kill(static_cast<pid_t>(guest().instances.back().pid), SIGKILL), 0);
  expect_untouched(godwit.wait());
}

/// TCP would try on for a quarter of an hour.
TEST_F(Storage, ALinkThatIsCutWhileMirroringLeavesNeitherMirrorsNorNodes) {
  up("10MB/s");
  GodwitProgram godwit(move("b", "precopy+storage", "20s"));
  await_mirrored(Bytes(1));
  ASSERT_EQ(run_godwit({"lab", "shell", "--lab", kLab, "b", "ip", "link", "set",
                        lab::find_host(kLab, "b")->migration_interface, "down"})
                .status,
            0);
  expect_untouched(godwit.wait());
}

TEST_F(Storage, WithoutItADiskOfOnesOwnIsRefusedAndASharedOneWithIt) {
  up("60MB/s");
  const Finished without = run_godwit(move("b", "precopy"));
  EXPECT_EQ(without.status, 2) << without.out;
  EXPECT_THAT(without.json().at("error").at("what_to_do").get<std::string>(),
              HasSubstr("+storage"));
  ASSERT_EQ(run_godwit({"lab", "down", "--lab", kLab}).status, 0);
  const Finished shared = run_godwit({"lab", "up", "--lab", kLab, "--disk", "64MiB", "--json"});
  ASSERT_EQ(shared.status, 0) << shared.out << shared.err;
  const Finished with = run_godwit(move("b", "precopy+storage"));
  EXPECT_EQ(with.status, 2) << with.out;
  EXPECT_THAT(with.json().at("error").at("what_to_do").get<std::string>(),
              HasSubstr("leave +storage out"));
}

}  // namespace
}  // namespace godwit::e2e
