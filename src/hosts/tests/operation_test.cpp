// Evacuations of a fleet of which an earlier Godwit left something behind.

#include "godwit/hosts/operation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "godwit/base/clock.h"
#include "godwit/hosts/simulated_fleet.h"

namespace godwit::hosts {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using Kind = fleet::Entry::Kind;
using Status = fleet::VmReport::Status;

constexpr const char* kThreeHosts = R"(
link = "1Gbit/s"
[hosts.a]
[hosts.b]
memory = "4GiB"
[hosts.c]
memory = "4GiB"
[vms.db]
host = "a"
memory = "3GiB"
[vms.web]
host = "a"
memory = "2GiB"
)";

/// Simulated, but for VMs of which it can't be told where they run.
class DoubtfulFleet final : public Fleet {
 public:
  explicit DoubtfulFleet(FleetFile file) : simulated_("rack", std::move(file)) {}

  std::map<std::string, Error> doubts;

  Result<fleet::Inventory> look() override { return simulated_.look(); }
  Result<VmAddress> address_of(const std::string& vm) override { return simulated_.address_of(vm); }
  [[nodiscard]] std::optional<GuestProfile> known_profile(const std::string& vm) const override {
    EXPECT_FALSE(doubts.contains(vm)) << vm << " is to be left alone";
    return simulated_.known_profile(vm);
  }
  Result<std::string> settle(const std::string& vm, std::stop_token stop) override {
    const auto doubt = doubts.find(vm);
    if (doubt != doubts.end()) return fail(doubt->second);
    return simulated_.settle(vm, std::move(stop));
  }
  Result<void> check_destination(const std::string& vm, const std::string& host) override {
    return simulated_.check_destination(vm, host);
  }
  Result<MigrationOutcome> move(const fleet::MoveOrder& order, fleet::MoveWatcher& watcher,
                                std::stop_token stop) override {
    EXPECT_FALSE(doubts.contains(order.move.vm)) << order.move.vm << " is to be left alone";
    return simulated_.move(order, watcher, std::move(stop));
  }

 private:
  SimulatedFleet simulated_;
};

class AnOperation : public testing::Test {
 protected:
  AnOperation()
      : folder_(std::filesystem::temp_directory_path() /
                ("godwit-operation-" + std::to_string(::getpid()))),
        files_{folder_ / "record", folder_ / "cordons"} {}
  ~AnOperation() override { std::filesystem::remove_all(folder_); }

  void SetUp() override {
    auto file = parse_fleet_file(kThreeHosts, FleetUse::kSimulated);
    ASSERT_TRUE(file) << file.error().message;
    fleet_ = std::make_unique<DoubtfulFleet>(std::move(*file));
    wanted_.host = "a";
  }

  [[nodiscard]] Operation operation() {
    return {clock_,
            *fleet_,
            [](std::stop_token) -> std::unique_ptr<engine::Engine> {
              ADD_FAILURE() << "nobody is to be asked";
              return nullptr;
            },
            engine::Places(),
            files_,
            std::stop_token()};
  }

  void write(Kind kind, const std::string& vm, const std::string& from, const std::string& to) {
    fleet::Entry entry;
    entry.kind = kind;
    entry.vm = vm;
    entry.from = from;
    entry.to = to;
    const auto record = FileRecord::open(files_.record);
    ASSERT_TRUE(record) << record.error().message;
    EXPECT_TRUE((*record)->append(entry));
  }
  [[nodiscard]] std::map<std::string, fleet::Entry> left() const {
    const auto entries = read_record(files_.record);
    EXPECT_TRUE(entries);
    return entries ? under_way(*entries) : std::map<std::string, fleet::Entry>();
  }

  RealClock clock_;
  std::unique_ptr<DoubtfulFleet> fleet_;
  Wanted wanted_;

 private:
  std::filesystem::path folder_;
  FleetFiles files_;
};

TEST_F(AnOperation, OfWhatAKilledGodwitLeftTheTruthIsWrittenDown) {
  write(Kind::kMoving, "db", "a", "b");
  EXPECT_TRUE(operation().begin());
  EXPECT_THAT(left(), IsEmpty());
}

TEST_F(AnOperation, AVmOfWhichNobodyCanBeSureIsLeftAloneAndTheOthersGo) {
  write(Kind::kMoving, "db", "a", "b");
  fleet_->doubts["db"] = {ErrorCode::kBusy, "it is paused", "let it go on"};
  Operation operation = this->operation();
  const auto begun = operation.begin();
  ASSERT_TRUE(begun) << begun.error().message;
  auto draft = operation.draft(wanted_, {});
  ASSERT_TRUE(draft) << draft.error().message;
  ASSERT_EQ(draft->plan.blockers.size(), 1U);
  EXPECT_EQ(draft->plan.blockers[0].vm, "db");
  EXPECT_THAT(draft->plan.blockers[0].reason, HasSubstr("it is paused"));
  EXPECT_THAT(in_the_way(draft->plan, draft->situation), IsEmpty());
  ASSERT_EQ(draft->plan.moves.size(), 1U);
  EXPECT_EQ(draft->plan.moves[0].to, "c") << "db may be on b, and take its room";
  fleet::RunObserver silent;
  const auto outcome = operation.run(wanted_, std::move(*draft), silent);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_FALSE(outcome->complete());
  for (const fleet::VmReport& one : outcome->vms) {
    EXPECT_EQ(one.status, one.vm == "db" ? Status::kUnclear : Status::kMoved) << one.vm;
  }
  ASSERT_TRUE(left().contains("db")) << "the next run asks again";
  EXPECT_EQ(left().at("db").to, "b");
}

TEST_F(AnOperation, AVmOfWhichNobodyCanBeSureHoldsUpNoRestorationOfAnotherHost) {
  write(Kind::kMoving, "db", "a", "b");
  fleet_->doubts["db"] = {ErrorCode::kPeerGone, "host b does not answer", "look at it"};
  Operation operation = this->operation();
  ASSERT_TRUE(operation.begin());
  wanted_ = {true, "c"};
  const auto draft = operation.draft(wanted_, {});
  ASSERT_TRUE(draft) << draft.error().message;
  EXPECT_THAT(draft->plan.blockers, IsEmpty()) << "nobody asked for it";
}

TEST_F(AnOperation, WhenStoppedMeanwhileItIsNotBegun) {
  write(Kind::kMoving, "db", "a", "b");
  fleet_->doubts["db"] = {ErrorCode::kInterrupted, "stopped on request", ""};
  const auto begun = operation().begin();
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::kInterrupted);
}

}  // namespace
}  // namespace godwit::hosts
