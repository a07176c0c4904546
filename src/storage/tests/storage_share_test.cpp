// A share of the disks, on fakes in which each call fails in turn.

#include "godwit/storage/storage_share.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::storage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Both sides of one migration and what copies between them, and what is set up on them now.
struct World {
  ManualClock clock;
  int calls = 0;
  int fails_at = -1;  ///< that call is refused
  std::vector<std::string> log;

  bool serves = false;    ///< the destination, its disks
  bool shares = false;    ///< the source, its own
  bool attached = false;  ///< the destination's disks stand on the source's
  bool connected = false;
  bool gone_on = false;
  bool served_at_switchover = false;
  int rounds = 0;
  std::optional<Bytes> last_rounds_most;
  DiskCopyStatus copied;
  RestStatus rest;
  bool writes_for_ever = false;

  Result<void> call(const std::string& what) {
    log.push_back(what);
    if (calls++ == fails_at) return fail(ErrorCode::kRefused, what + " was refused");
    return {};
  }
};

class FakeSide final : public Hypervisor, public DiskSharing {
 public:
  explicit FakeSide(World& world) : world_(world) {}
  bool can_share = true;
  bool ended = false;

  DiskSharing* disk_sharing() override { return can_share ? this : nullptr; }
  bool known_ended() override { return ended; }

  Result<StorageOffer> serve_storage(const std::string&,
                                     const std::vector<std::string>& devices) override {
    GODWIT_CHECK_OK(world_.call("serve"));
    world_.serves = true;
    StorageOffer offer;
    offer.host = "10.0.0.2";
    offer.port = 4445;
    for (const std::string& device : devices) offer.exports.push_back({device, "to-" + device});
    return offer;
  }
  Result<void> drop_storage() override {
    GODWIT_CHECK_OK(world_.call("drop"));
    world_.serves = false;
    return {};
  }
  Result<void> continue_switchover() override {
    GODWIT_CHECK_OK(world_.call("continue"));
    world_.gone_on = true;
    world_.served_at_switchover = world_.serves;
    return {};
  }
  Result<StorageOffer> share_disks(const std::string& uri,
                                   const std::vector<std::string>& devices) override {
    GODWIT_CHECK_OK(world_.call("share at " + uri));
    world_.shares = true;
    StorageOffer offer;
    for (const std::string& device : devices) offer.exports.push_back({device, "from-" + device});
    return offer;
  }
  Result<std::vector<WrittenExport>> rotate_written() override {
    GODWIT_CHECK_OK(world_.call("rotate"));
    return std::vector<WrittenExport>{{"written", "bitmap"}};
  }
  Result<void> keep_sharing() override { return world_.call("keep"); }
  Result<void> end_sharing() override {
    EXPECT_FALSE(world_.attached) << "the guest would lose its disk";
    GODWIT_CHECK_OK(world_.call("end sharing"));
    world_.shares = false;
    return {};
  }
  Result<void> attach_source(const StorageOffer&, const std::vector<std::string>&,
                             Seconds) override {
    EXPECT_FALSE(world_.serves) << "others could write to the guest's disk";
    world_.attached = true;  // in part, where it fails
    return world_.call("attach");
  }
  Result<void> detach_source() override {
    GODWIT_CHECK_OK(world_.call("detach"));
    world_.attached = false;
    return {};
  }
  Result<void> fetch_rest(std::optional<BytesPerSecond>) override {
    GODWIT_CHECK_OK(world_.call("fetch"));
    world_.rest.running = world_.rest.disks;
    return {};
  }
  Result<void> pace_fetch(std::size_t disk, std::optional<BytesPerSecond> most) override {
    return world_.call(fmt::format("pace {} to {}", disk, most ? most->value() / 1e6 : 0));
  }
  Result<RestStatus> rest_status() override {
    GODWIT_CHECK_OK(world_.call("rest"));
    return world_.rest;
  }

  // Not of interest here.
  Result<VmDescription> describe() override { return VmDescription{}; }
  Result<RamLayout> ram_layout() override { return RamLayout{}; }
  Result<RunState> run_state() override { return RunState::kRunning; }
  Result<MigrationStatus> migration_status() override { return MigrationStatus{}; }
  Result<CapabilitySet> capabilities() override { return CapabilitySet{}; }
  Result<void> set_capabilities(const CapabilitySet&, const CapabilitySet&) override { return {}; }
  Result<MigrationParameters> parameters() override { return MigrationParameters{}; }
  Result<void> set_parameters(const MigrationParameters&) override { return {}; }
  Result<void> listen(const std::string&) override { return {}; }
  Result<void> migrate(const std::string&) override { return {}; }
  Result<void> start_postcopy() override { return {}; }
  Result<void> cancel() override { return {}; }
  Result<void> pause() override { return {}; }
  Result<void> resume() override { return {}; }
  Result<void> quit() override { return {}; }
  Result<std::optional<HypervisorEvent>> next_event(TimePoint) override {
    return std::optional<HypervisorEvent>();
  }

 private:
  World& world_;
};

class FakeCopier final : public DiskCopier {
 public:
  explicit FakeCopier(World& world) : world_(world) {}

  Result<std::string> address_towards(const StorageOffer&) override {
    GODWIT_CHECK_OK(world_.call("address"));
    return std::string("10.0.0.1");
  }
  Result<void> open(const StorageOffer&, const StorageOffer&,
                    const std::vector<DiskRoute>& routes) override {
    EXPECT_THAT(routes, ElementsAre(DiskRoute{"from-disk0", "to-disk1"}));
    world_.connected = true;
    return world_.call("open");
  }
  Result<void> copy_share(Ratio, const std::vector<WrittenExport>&,
                          std::optional<BytesPerSecond>) override {
    GODWIT_CHECK_OK(world_.call("copy share"));
    return round();
  }
  Result<void> copy_written(const std::vector<WrittenExport>&) override {
    GODWIT_CHECK_OK(world_.call("copy written"));
    return round();
  }
  Result<void> finish(const std::vector<WrittenExport>&, Bytes most) override {
    GODWIT_CHECK_OK(world_.call("finish"));
    world_.last_rounds_most = most;
    return {};
  }
  [[nodiscard]] DiskCopyStatus status() const override { return world_.copied; }
  [[nodiscard]] std::vector<std::vector<AbsentRange>> absent() const override {
    EXPECT_TRUE(world_.connected);
    return {{{Bytes(), 40_MB, true}, {40_MB, 80_MB, false}}};
  }
  void close() override { world_.connected = false; }

 private:
  Result<void> round() {
    ++world_.rounds;
    const bool much = world_.rounds == 1 || world_.writes_for_ever;
    world_.copied.copied += much ? Bytes(64 << 20) : Bytes(1 << 20);
    return {};
  }

  World& world_;
};

/// A migration of one disk, of which half is copied beforehand.
struct Stage {
  Stage() {
    request_.listen = request_.stream = "tcp:10.0.0.2:4444";
    request_.disks = {{"disk0", "disk1"}};
    request_.parameters.precopy_storage = Ratio(0.5);
  }
  /// As the session does; false where it failed on the way.
  bool move(StorageShare& share) {
    if (!share.begin(request_)) return false;
    for (int i = 0; i < 100 && !share.ready() && share.failure().empty(); ++i) {
      world_.clock.advance(Seconds(0.5));
      (void)share.look();
    }
    if (!share.ready()) return false;
    share.hand_over();
    return share.let_go();
  }
  void expect_nothing_left() const {
    EXPECT_FALSE(world_.serves);
    EXPECT_FALSE(world_.shares);
    EXPECT_FALSE(world_.attached);
    EXPECT_FALSE(world_.connected);
  }

  World world_;
  FakeSide source_{world_};
  FakeSide destination_{world_};
  FakeCopier copier_{world_};
  MoveRequest request_;
};

class Share : public testing::Test, protected Stage {};

TEST_F(Share, IsCopiedInRoundsAndHandedOverBeforeTheGuestIsLetGo) {
  StorageShare share(world_.clock, source_, destination_, &copier_);
  ASSERT_TRUE(move(share)) << share.failure();
  EXPECT_THAT(world_.log, ElementsAre("serve", "address", "share at tcp:10.0.0.1:4444", "open",
                                      "rotate", "copy share", "rotate", "copy written", "rotate",
                                      "finish", "drop", "attach", "continue"));
  EXPECT_FALSE(world_.served_at_switchover);
  EXPECT_GT(*world_.last_rounds_most, Bytes());
  EXPECT_FALSE(share.independent());
}

TEST_F(Share, AGuestThatWritesForEverIsMovedAllTheSame) {
  world_.writes_for_ever = true;
  StorageShare share(world_.clock, source_, destination_, &copier_);
  EXPECT_TRUE(move(share));
  EXPECT_EQ(world_.rounds, 5);
}

TEST_F(Share, OfNothingNeedsNoObservation) {
  request_.parameters.precopy_storage = Ratio(0);
  StorageShare share(world_.clock, source_, destination_, &copier_);
  ASSERT_TRUE(share.begin(request_));
  EXPECT_EQ(world_.rounds, 1);
}

TEST_F(Share, TheRestIsFetchedAndOnlyThenTheSourceStopsSharing) {
  StorageShare share(world_.clock, source_, destination_, &copier_);
  ASSERT_TRUE(move(share));
  world_.rest = {1, 0, "", Bytes(0), Bytes(100)};
  EXPECT_TRUE(share.follow());
  EXPECT_EQ(share.left(), Bytes(100));
  EXPECT_TRUE(world_.shares);
  world_.rest = {1, 0, "the link broke", Bytes(50), Bytes(100)};
  EXPECT_TRUE(share.follow()) << "what failed is begun anew";
  world_.clock.advance(Seconds(7));
  world_.rest = {};
  world_.attached = false;
  EXPECT_FALSE(share.follow());
  EXPECT_TRUE(share.independent());
  EXPECT_FALSE(world_.shares);
  EXPECT_NEAR(share.outcome(std::nullopt).independent_after->count(), 7, 0.01);
}

TEST_F(Share, AJobThatFetchesIsPacedByWhatTheLinkCarries) {
  request_.parameters.max_bandwidth = 5_MB_per_s;
  StorageShare share(world_.clock, source_, destination_, &copier_);
  ASSERT_TRUE(move(share));
  world_.log.clear();
  const auto follow = [&](Bytes position) {
    world_.rest = {1, 1, "", position, 80_MB, {{0, position}}};
    EXPECT_TRUE(share.follow());
    world_.clock.advance(Seconds(1));
  };
  follow(Bytes());
  follow(2500_kB);  // half of it, and then again: the line itself is no faster
  follow(5_MB);
  EXPECT_THAT(world_.log, ElementsAre("keep", "rest", "pace 0 to 5", "rest", "pace 0 to 7.5",
                                      "rest", "pace 0 to 0"));
}

TEST_F(Share, AJobThatNobodyLimitsIsNotPaced) {
  StorageShare share(world_.clock, source_, destination_, &copier_);
  ASSERT_TRUE(move(share));
  world_.rest = {1, 1, "", 1_MB, 80_MB, {{0, 1_MB}}};
  EXPECT_TRUE(share.follow());
  EXPECT_EQ(world_.log.back(), "rest");
}

TEST_F(Share, AJobThatCannotBePacedFetchesAllTheSame) {
  request_.parameters.max_bandwidth = 5_MB_per_s;
  StorageShare share(world_.clock, source_, destination_, &copier_);
  ASSERT_TRUE(move(share));
  world_.rest = {1, 1, "", 1_MB, 80_MB, {{0, 1_MB}}};
  world_.fails_at = world_.calls + 2;  // after "keep" and "rest"
  EXPECT_TRUE(share.follow());
  world_.rest = {};
  world_.attached = false;
  EXPECT_FALSE(share.follow());
  EXPECT_TRUE(share.independent());
}

TEST_F(Share, ASourceThatEndsLeavesItDependent) {
  StorageShare share(world_.clock, source_, destination_, &copier_);
  ASSERT_TRUE(move(share));
  world_.rest = {1, 1, "", Bytes(0), Bytes(100)};
  EXPECT_TRUE(share.follow());
  source_.ended = true;
  EXPECT_FALSE(share.follow());
  EXPECT_FALSE(share.independent());
}

/// Each call on the way fails once; given back then, nothing is left, unless the guest was let go.
TEST_F(Share, WhereverItBreaksNothingIsLeftAndTheGuestIsNotLetGo) {
  for (int call = 0; call < 13; ++call) {
    SCOPED_TRACE(call);
    Stage stage;
    stage.world_.fails_at = call;
    {
      StorageShare share(stage.world_.clock, stage.source_, stage.destination_, &stage.copier_);
      EXPECT_FALSE(stage.move(share));
      EXPECT_FALSE(stage.world_.gone_on);
      EXPECT_TRUE(share.give_back());
    }
    stage.expect_nothing_left();
  }
}

TEST_F(Share, WhoeverCannotIsNamed) {
  destination_.can_share = false;
  StorageShare old(world_.clock, source_, destination_, &copier_);
  EXPECT_THAT(old.begin(request_).error().message, HasSubstr("the destination's QEMU"));
  destination_.can_share = true;
  StorageShare elsewhere(world_.clock, source_, destination_, nullptr);
  EXPECT_THAT(elsewhere.begin(request_).error().message, HasSubstr("beside the VM"));
  request_.stream = "unix:/run/stream";
  StorageShare local(world_.clock, source_, destination_, &copier_);
  EXPECT_THAT(local.begin(request_).error().message, HasSubstr("by TCP"));
  expect_nothing_left();
}

}  // namespace
}  // namespace godwit::storage
