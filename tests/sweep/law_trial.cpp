// Faults of migrations that a control law steers: the guest writes faster than the link carries, so
// that the law has to act. All that a law borrows must come back: limits, throttle, quota.

#include <fmt/format.h>

#include <csignal>
#include <optional>

#include "memory_limit.h"
#include "out_of_band.h"
#include "trial.h"
#include "vcpu_groups.h"

namespace godwit::e2e {
namespace {

constexpr const char* kLink = "20MB/s";
constexpr double kWire = 25e6;
/// Longer than a post-copy may stand still before it is paused (10 s), shorter than what a pre-copy
/// is given (30 s): ARCHITECTURE.md, "Safety".
constexpr Seconds kDead{15};
/// What a migration that nobody steers may take to end before somebody cancels it.
constexpr Seconds kBySelf{20};
/// Of new memory at the destination, until it is out of it: a part of what comes in the first pass,
/// or of what is missing in post-copy.
constexpr std::size_t kRoomFirst = 12 << 20, kRoomPostcopy = 4 << 20;
/// The next port after the stream's leads to the destination, too.
constexpr const char* kOtherStream = "tcp:127.0.0.1:4445";

class LawTrial final : public Trial {
 public:
  explicit LawTrial(const Run& run) : Trial(run) {
    start(setup());
    pair().wire().throttle(kWire);
    auto groups = VcpuGroups::of(pair().pid(Side::kSource), pair().vcpu_numbers(Side::kSource));
    if (groups) groups_ = std::move(*groups);
    if (run.fault == Fault::kRelayKilled) there_.emplace(pair().file("dst.spare"));
  }

 private:
  [[nodiscard]] bool in_postcopy() const { return run().moment == Moment::kPostcopy; }
  [[nodiscard]] bool is_killed() const {
    return run().fault == Fault::kGodwitKilled || run().fault == Fault::kRelayKilled;
  }

  static PairSetup setup() {
    PairSetup setup;
    setup.between = Between::kForwarder;
    setup.load = "memory-write,set=32MiB,rate=100MB/s,pattern=uniform,content=random,fill=8MiB";
    return setup;
  }

  std::vector<std::string> words() override {
    std::vector<std::string> words{
        "migrate", pair().source(), pair().destination(), "--json", "--technique", run().technique,
        "--law",   run().law,       "--recover-for",      "60s",    "--link",      kLink};
    const auto add = [&words](std::initializer_list<const char*> more) {
      words.insert(words.end(), more.begin(), more.end());
    };
    if (run().law == "godwit") {
      add({"--for", "1s", "--max-downtime", in_postcopy() ? "50ms" : "3s"});
    } else {
      add({"--no-profile"});
    }
    if (!in_postcopy()) add({"--no-postcopy"});
    // whoever moves on after the link came back need not do so for ever
    add({"--max-time", run().fault == Fault::kLinkDeadAndBack && !in_postcopy() ? "50s" : "120s"});
    if (run().fault == Fault::kRelayKilled) add({"--relay"});
    return words;
  }

  bool has_come() override {
    switch (run().moment) {
      case Moment::kEarly:
        return sends_memory();
      case Moment::kSteered:
        return has_steered();
      case Moment::kPostcopy:
        return pair().migration(Side::kSource) == "postcopy-active" &&
               pair().watch().count(Side::kDestination, "RESUME") > 0;
      default:
        if (run().law != "godwit" && !let_go_ && has_steered()) let_go();
        return has_stopped();
    }
  }
  /// A quota, QEMU's throttle, or another limit than the first.
  bool has_steered() {
    if (groups_ && !groups_->none()) return true;
    const auto seen = pair().try_ask(Side::kSource, "query-migrate");
    if (!seen || seen->value("status", "") != "active") return false;
    if (seen->value("cpu-throttle-percentage", 0) > 0) return true;
    const std::int64_t limit =
        pair().ask(Side::kSource, "query-migrate-parameters").at("downtime-limit");
    if (!first_limit_) first_limit_ = limit;
    return limit != *first_limit_;
  }
  /// A person's: what these laws do may take minutes to end it.
  void let_go() {
    (void)pair().ask(Side::kSource, "migrate-set-parameters", Json{{"downtime-limit", 60'000}});
    let_go_ = true;
  }
  void take_back() {
    const Json& before = pair().possessed(Side::kSource).at("parameters").at("downtime-limit");
    (void)pair().try_ask(Side::kSource, "migrate-set-parameters", Json{{"downtime-limit", before}});
  }

  void strike(GodwitProgram& godwit) override {
    switch (run().fault) {
      case Fault::kStreamCut:
        return pair().wire().cut();
      case Fault::kLinkDeadAndBack:
        pair().wire().mute(true, true);
        rest(kDead);
        return pair().wire().mute(false, false);
      case Fault::kOutOfMemory:
        memory_.emplace(pair().pid(Side::kDestination), in_postcopy() ? kRoomPostcopy : kRoomFirst);
        return pair().await("out of memory",
                            [&] { return pair().state(Side::kDestination) == "gone"; });
      case Fault::kRelayKilled:
        return godwit.signal(SIGKILL);
      default:
        return Trial::strike(godwit);
    }
  }

  void follow(GodwitProgram& godwit) override {
    if (is_killed()) {
      follow_killed(godwit);
    } else {
      Trial::follow(godwit);
    }
    if (let_go_) take_back();
  }
  void follow_killed(GodwitProgram& godwit) {
    (void)godwit.wait();
    if (run().fault == Fault::kRelayKilled) await_cut();
    bool done = recover();
    if (const std::string lent = still_lent(); !lent.empty()) {
      row().wrong = "recover did not lift it at once: " + lent;
    }
    if (pair().migration(Side::kSource) == "postcopy-paused") go_on_by_another_way();
    settle(kBySelf);
    if (pair().migration(Side::kSource) == "active") {
      (void)pair().ask(Side::kSource, "migrate_cancel");
    }
    settle();
    if (!done) done = recover();
    if (!done && row().wrong.empty()) row().wrong = "recover left something";
  }
  void await_cut() {
    pair().await_migration(Side::kSource, in_postcopy() ? "postcopy-paused" : "failed");
    if (in_postcopy()) pair().await_split(Side::kDestination);
  }
  /// As `recover` says.
  void go_on_by_another_way() {
    const Json uri{{"uri", kOtherStream}};
    const Json waits =
        there_->answer(Json{{"exec-oob", "migrate-recover"}, {"arguments", uri}, {"id", 1}}.dump());
    if (!waits.contains("return")) throw std::runtime_error(waits.dump());
    (void)pair().ask(Side::kSource, "migrate", Json{{"uri", kOtherStream}, {"resume", true}});
    pair().await_migration(Side::kSource, "completed");
  }

  std::string still_lent() override {
    if (groups_ && !groups_->none()) return "control groups of vCPUs";
    // QEMU's own throttle ends with its migration
    const auto seen = pair().try_ask(Side::kSource, "query-migrate");
    if (!seen || !is_any(seen->value("status", ""), {"completed", "failed", "cancelled"}))
      return "";
    return seen->value("cpu-throttle-percentage", 0) > 0 ? "QEMU's throttle" : "";
  }
  /// Where a QEMU ends that has the guest, or a part of it that nobody else has.
  bool may_lose_guest() const override {
    const bool destination_ends =
        run().fault == Fault::kDestinationDies || run().fault == Fault::kOutOfMemory;
    return run().fault == Fault::kSourceDies || (destination_ends && in_postcopy());
  }

  std::optional<VcpuGroups> groups_;
  std::optional<MemoryLimit> memory_;
  std::optional<OutOfBand> there_;  ///< before its main loop may wait for a page
  std::optional<std::int64_t> first_limit_;
  bool let_go_ = false;
};

}  // namespace

Row try_by_law(const Run& run) {
  return LawTrial(run).go();
}

}  // namespace godwit::e2e
