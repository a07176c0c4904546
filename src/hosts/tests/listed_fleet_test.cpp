// What a command that starts destinations may leave behind is ended, or said.

#include "godwit/hosts/listed_fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "godwit/base/clock.h"
#include "world.h"

namespace godwit::hosts {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Warnings final : public fleet::MoveWatcher {
 public:
  Result<void> destination_started(const std::string& monitor) override {
    ADD_FAILURE() << monitor << " was not started";
    return {};
  }
  bool await_turn() override { return false; }
  void on_progress(const control::Progress&) override {}
  void warning(const std::string& text) override { all.push_back(text); }
  std::vector<std::string> all;
};

/// VM db of host a; `end` notes what it is asked to end.
class AListedFleet : public testing::Test {
 protected:
  AListedFleet()
      : folder_(std::filesystem::temp_directory_path() /
                ("godwit-listed-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
    file_.hosts = {{"a"}, {"b"}};
    file_.vms["db"].host = "a";
    file_.vms["db"].monitor = engine::World::kSource;
    file_.end = shell("echo $0 $1 >> " + ended_file(), {"{vm}", "{host}"});
    order_.move.vm = "db";
    order_.move.from = "a";
    order_.move.to = "b";
  }
  ~AListedFleet() override { std::filesystem::remove_all(folder_); }

  static std::vector<std::string> shell(const std::string& script,
                                        const std::vector<std::string>& words = {}) {
    std::vector<std::string> command{"/bin/sh", "-c", script};
    command.insert(command.end(), words.begin(), words.end());
    return command;
  }
  [[nodiscard]] std::string ended_file() const { return folder_ / "ended"; }
  [[nodiscard]] std::string ended() const {
    std::ifstream file(ended_file());
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  [[nodiscard]] std::unique_ptr<ListedFleet> fleet(const std::vector<fleet::Entry>& entries = {}) {
    const auto engines = [this](std::stop_token stop) {
      const auto environment = [this](const char*) { return folder_.c_str(); };
      return std::make_unique<engine::Engine>(world_.hosts.clock,
                                              std::make_unique<engine::TestOpener>(world_),
                                              engine::Places(environment, false), std::move(stop));
    };
    return std::make_unique<ListedFleet>(clock_, "rack", file_, entries, engines, "");
  }
  [[nodiscard]] ErrorCode how_it_fails_to_move(std::stop_token stop = {}) {
    const auto outcome = fleet()->move(order_, warnings_, std::move(stop));
    EXPECT_FALSE(outcome);
    return outcome ? ErrorCode::kInternal : outcome.error().code;
  }
  [[nodiscard]] std::vector<fleet::Entry> preparing() const {
    fleet::Entry entry;
    entry.kind = fleet::Entry::Kind::kPreparing;
    entry.vm = "db";
    entry.from = "a";
    entry.to = "b";
    return {entry};
  }

  RealClock clock_;
  std::filesystem::path folder_;
  engine::World world_;
  FleetFile file_;
  fleet::MoveOrder order_;
  Warnings warnings_;
};

TEST_F(AListedFleet, WhatAStartThatFailsMayHaveLeftIsEnded) {
  file_.start = shell("exit 1");
  EXPECT_EQ(how_it_fails_to_move(), ErrorCode::kEnvironment);
  EXPECT_EQ(ended(), "db b\n");
  file_.start = shell("echo what a start");
  EXPECT_EQ(how_it_fails_to_move(), ErrorCode::kBadInput);
  EXPECT_EQ(ended(), "db b\ndb b\n");
  EXPECT_THAT(warnings_.all, IsEmpty());
}

TEST_F(AListedFleet, WhatAStartThatIsStoppedMayHaveLeftIsEnded) {
  std::stop_source stop;
  stop.request_stop();
  file_.start = {"tail", "-f", "/dev/null"};
  EXPECT_EQ(how_it_fails_to_move(stop.get_token()), ErrorCode::kInterrupted);
  EXPECT_EQ(ended(), "db b\n");
}

TEST_F(AListedFleet, WhatCanNotBeEndedIsSaid) {
  file_.start = shell("exit 1");
  file_.end.clear();
  EXPECT_EQ(how_it_fails_to_move(), ErrorCode::kEnvironment);
  file_.end = shell("echo no >&2; exit 1");
  EXPECT_EQ(how_it_fails_to_move(), ErrorCode::kEnvironment);
  EXPECT_THAT(warnings_.all,
              ElementsAre(HasSubstr("on host b did not end well"), HasSubstr("failed (1): no")));
}

TEST_F(AListedFleet, WhatAKilledGodwitWasStartingIsEndedOnceItsVmIsSeenToRunAtHome) {
  const auto place = fleet(preparing())->settle("db", {});
  ASSERT_TRUE(place) << place.error().message;
  EXPECT_EQ(*place, "a");
  EXPECT_EQ(ended(), "db b\n");
}

TEST_F(AListedFleet, NothingIsEndedWhereItsVmIsNotSeenToRun) {
  world_.pair.source.state = RunState::kPaused;
  const auto place = fleet(preparing())->settle("db", {});
  ASSERT_FALSE(place);
  EXPECT_EQ(place.error().code, ErrorCode::kBusy);
  file_.vms["db"].monitor = "/run/gone.qmp";
  EXPECT_EQ(fleet(preparing())->settle("db", {}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(ended(), "");
}

TEST_F(AListedFleet, AVmThatAnUnclearMoveTookToAnotherHostIsSeenThere) {
  world_.pair.source.state = RunState::kPostmigrate;
  world_.pair.destination.state = RunState::kPaused;
  auto entries = preparing();
  entries.push_back(entries.front());
  entries.back().kind = fleet::Entry::Kind::kStarted;
  entries.back().monitor = engine::World::kDestination;
  const auto inventory = fleet(entries)->look();
  ASSERT_TRUE(inventory) << inventory.error().message;
  ASSERT_EQ(inventory->vms.size(), 1U) << "it is not switched off";
  EXPECT_EQ(inventory->vms[0].host, "b");
}

}  // namespace
}  // namespace godwit::hosts
