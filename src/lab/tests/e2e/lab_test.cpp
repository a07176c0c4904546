#include "godwit/lab/lab.h"
#include "godwit/base/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>

#include "lab_fixture.h"
#include "patience.h"

namespace godwit::lab {
namespace {

class LabNetwork : public LabTest {};

TEST_F(LabNetwork, GuestBootsAnswersMovesHouseAndLeavesNothing) {
  auto lab = up(spec());
  ASSERT_TRUE(good(lab));
  EXPECT_TRUE(lab->complete);
  ASSERT_EQ(2U, lab->hosts.size());

  auto second = up(spec());
  ASSERT_FALSE(second);
  EXPECT_EQ(ErrorCode::kBusy, second.error().code);

  auto started = start_guest(prefix_, guest());
  ASSERT_TRUE(good(started));
  ASSERT_EQ(1U, started->instances.size());
  EXPECT_GT(started->instances[0].pid, 0);
  ASSERT_TRUE(good(wait_ready(prefix_, "guest", kPatience)));
  EXPECT_TRUE(pings(started->address, lab->client_netns));

  auto again = start_guest(prefix_, guest());
  ASSERT_FALSE(again);
  EXPECT_EQ(ErrorCode::kBusy, again.error().code);

  auto alone = retire(prefix_, "guest", "a");
  ASSERT_FALSE(alone);
  EXPECT_EQ(ErrorCode::kRefused, alone.error().code);

  auto destination = prepare_destination(prefix_, "guest", "b");
  ASSERT_TRUE(good(destination));
  EXPECT_TRUE(destination->incoming);
  EXPECT_EQ("tcp:10.78.0.12:4400", destination->stream);
  auto another = prepare_destination(prefix_, "guest", "b");
  ASSERT_FALSE(another) << "it may hold the guest, for all that a lab knows";
  EXPECT_EQ(ErrorCode::kBusy, another.error().code);
  EXPECT_EQ(0, kill(static_cast<pid_t>(destination->pid), 0)) << "it lives on";
  auto moved = retire(prefix_, "guest", "a");
  ASSERT_TRUE(good(moved));
  auto found = find_guest(prefix_, "guest");
  ASSERT_TRUE(good(found));
  ASSERT_EQ(1U, found->instances.size());
  EXPECT_EQ("b", found->instances[0].host);
  EXPECT_FALSE(found->instances[0].incoming);
  EXPECT_EQ(destination->pid, found->instances[0].pid);

  ASSERT_TRUE(good(stop_guest(prefix_, "guest")));
  EXPECT_TRUE(status(prefix_)->guests.empty());
  ASSERT_TRUE(good(down(prefix_)));
  EXPECT_EQ(ErrorCode::kNotFound, status(prefix_).error().code);
  ASSERT_TRUE(good(down(prefix_))) << "a second time";
}

TEST_F(LabNetwork, DeadDestinationIsReplaced) {
  LabSpec three = spec();
  three.hosts = {"a", "b", "c"};
  ASSERT_TRUE(good(up(three)));
  ASSERT_TRUE(good(start_guest(prefix_, guest())));
  for (const std::string host : {"b", "b", "c"}) {
    auto destination = prepare_destination(prefix_, "guest", host);
    ASSERT_TRUE(good(destination)) << host;
    ASSERT_TRUE(good(kill_and_wait(pin_process(static_cast<pid_t>(destination->pid)))));
  }
  auto found = find_guest(prefix_, "guest");
  ASSERT_TRUE(good(found));
  ASSERT_EQ(2U, found->instances.size());
  EXPECT_EQ("c", found->instances[1].host);
}

TEST_F(LabNetwork, TwoLabsAtOnceDoNotClash) {
  LabSpec other = spec();
  other.name += "b";
  auto one = up(spec());
  ASSERT_TRUE(good(one));
  auto two = up(other);
  ASSERT_TRUE(good(two));
  auto first = start_guest(prefix_, guest());
  auto second = start_guest(other.name, guest());
  ASSERT_TRUE(good(first));
  ASSERT_TRUE(good(second));
  EXPECT_EQ(first->address, second->address) << "the networks are apart";
  ASSERT_TRUE(good(wait_ready(other.name, "guest", kPatience)));
  ASSERT_TRUE(good(down(prefix_)));
  EXPECT_TRUE(pings(second->address, two->client_netns)) << "the other lab lives on";
}

bool was_restored(const Instance& instance) {
  const auto arguments = facts_of(static_cast<pid_t>(instance.pid)).arguments;
  return std::find(arguments.begin(), arguments.end(), "-incoming") != arguments.end();
}

TEST_F(LabNetwork, AGuestGoesOnFromWhereOneLikeItHadBooted) {
  namespace fs = std::filesystem;
  const fs::path cache = fs::path(testing::TempDir()) / prefix_;
  setenv("XDG_CACHE_HOME", cache.c_str(), 1);
  setenv("GODWIT_ACCEL", "tcg", 1);
  const auto lab = up(spec());
  ASSERT_TRUE(good(lab));
  const auto start = [&](const std::string& name) {
    GuestSpec one = guest();
    one.name = name;
    const auto started = start_guest(prefix_, one);
    EXPECT_TRUE(good(started));
    EXPECT_TRUE(good(wait_ready(prefix_, name, kPatience)));
    EXPECT_TRUE(pings(started->address, lab->client_netns)) << name;
    return was_restored(started->instances.front());
  };
  EXPECT_TRUE(start("first"));
  const auto stored = [&cache] {
    std::set<fs::path> files;
    for (const auto& entry : fs::directory_iterator(cache / "godwit/booted")) {
      files.insert(entry.path());
    }
    return files;
  };
  const auto files = stored();
  ASSERT_EQ(files.size(), 1U);
  EXPECT_TRUE(start("second")) << "beside the first, which has another address";
  EXPECT_EQ(stored(), files);

  fs::resize_file(*files.begin(), fs::file_size(*files.begin()) / 2);
  EXPECT_FALSE(start("third")) << "what is torn does not start, so it boots";
  EXPECT_TRUE(stored().empty());
  std::ofstream(*files.begin()).flush();
  EXPECT_FALSE(start("fourth")) << "and so does what could not be stored";
  fs::remove_all(cache);
}

TEST_F(LabNetwork, LoadThatTheGuestRefusesIsSaid) {
  ASSERT_TRUE(good(up(spec())));
  GuestSpec wrong = guest();
  wrong.load = "memory-write,set=16MiB";
  ASSERT_TRUE(good(start_guest(prefix_, wrong)));
  auto ready = wait_ready(prefix_, "guest", kPatience);
  ASSERT_FALSE(ready);
  EXPECT_EQ(ErrorCode::kBadInput, ready.error().code) << ready.error().message;
  EXPECT_NE(std::string::npos, ready.error().message.find("rate")) << ready.error().message;
}

TEST_F(LabNetwork, GuestWhoseQemuDiesWhileBootingIsSaid) {
  ASSERT_TRUE(good(up(spec())));
  auto started = start_guest(prefix_, guest());
  ASSERT_TRUE(good(started));
  ASSERT_EQ(0, kill(static_cast<pid_t>(started->instances[0].pid), SIGKILL));
  auto ready = wait_ready(prefix_, "guest", kPatience);
  ASSERT_FALSE(ready);
  EXPECT_EQ(ErrorCode::kPeerGone, ready.error().code);
  ASSERT_TRUE(good(stop_guest(prefix_, "guest")));
}

TEST_F(LabNetwork, WaitingForAGuestCanBeStopped) {
  ASSERT_TRUE(good(up(spec())));
  ASSERT_TRUE(good(start_guest(prefix_, guest())));
  std::stop_source stop;
  stop.request_stop();
  auto ready = wait_ready(prefix_, "guest", kPatience, stop.get_token());
  ASSERT_FALSE(ready);
  EXPECT_EQ(ErrorCode::kInterrupted, ready.error().code);
  EXPECT_FALSE(ready.error().what_to_do.empty());
}

TEST_F(LabNetwork, UnknownNamesSayWhichExist) {
  EXPECT_EQ(ErrorCode::kNotFound, start_guest(prefix_, guest()).error().code);
  ASSERT_TRUE(good(up(spec())));
  GuestSpec lost = guest();
  lost.host = "z";
  auto started = start_guest(prefix_, lost);
  ASSERT_FALSE(started);
  EXPECT_EQ(ErrorCode::kNotFound, started.error().code);
  EXPECT_NE(std::string::npos, started.error().what_to_do.text().find("a, b"));
  EXPECT_EQ(ErrorCode::kNotFound, find_guest(prefix_, "nobody").error().code);
  EXPECT_EQ(ErrorCode::kNotFound, find_host(prefix_, "z").error().code);
  EXPECT_TRUE(good(find_host(prefix_, "b")));
}

TEST_F(LabNetwork, QemuThatCannotStartLeavesTheLabAsItWas) {
  ASSERT_TRUE(good(up(spec())));
  setenv("GODWIT_ACCEL", "nonsense", 1);
  EXPECT_EQ(ErrorCode::kBadInput, start_guest(prefix_, guest()).error().code);
  setenv("GODWIT_ACCEL", "tcg", 1);
  // an image that QEMU can't load
  const std::string image = lab_folder(prefix_) + "/image";
  std::filesystem::create_directory(image);
  for (const char* file : {"vmlinux", "initrd.img", "cmdline"}) {
    std::ofstream(image + "/" + file) << "not a kernel\n";
  }
  const char* real_image = std::getenv("GODWIT_GUEST_DIR");
  const std::string kept = real_image ? real_image : "";
  setenv("GODWIT_GUEST_DIR", image.c_str(), 1);
  auto started = start_guest(prefix_, guest());
  ASSERT_FALSE(started);
  EXPECT_FALSE(started.error().what_to_do.empty());
  // one without programs
  GuestSpec with_programs = guest();
  with_programs.load = "idle+program,name=redis";
  started = start_guest(prefix_, with_programs);
  ASSERT_FALSE(started);
  EXPECT_EQ(ErrorCode::kEnvironment, started.error().code);
  EXPECT_EQ("build them with: ./dev programs", started.error().what_to_do);
  EXPECT_TRUE(status(prefix_)->guests.empty());
  if (real_image) setenv("GODWIT_GUEST_DIR", kept.c_str(), 1);
}

TEST_F(LabNetwork, ShellRunsInTheHostsNetwork) {
  ASSERT_TRUE(good(up(spec())));
  auto has = shell(prefix_, "b", {"sh", "-c", "ip address | grep -q 10.78.0.12"});
  ASSERT_TRUE(good(has));
  EXPECT_EQ(0, *has);
  auto seven = shell(prefix_, "client", {"sh", "-c", "exit 7"});
  ASSERT_TRUE(good(seven));
  EXPECT_EQ(7, *seven);
  auto killed = shell(prefix_, "a", {"sh", "-c", "kill -TERM $$"});
  ASSERT_TRUE(good(killed));
  EXPECT_EQ(128 + SIGTERM, *killed);
  EXPECT_EQ(ErrorCode::kNotFound, shell(prefix_, "z", {"true"}).error().code);
}

TEST_F(LabNetwork, DownEndsWhatRunsInItsNamespaces) {
  ASSERT_TRUE(good(up(spec())));
  const std::string length = "1000." + std::to_string(getpid());  // nobody else's
  const pid_t child = fork();
  if (child == 0) {
    (void)shell(prefix_, "a", {"sleep", length});
    _exit(0);
  }
  RealClock clock;
  const TimePoint give_up = clock.now() + kPatience;
  while (processes_with(length).empty() && clock.now() < give_up) {
    (void)clock.wait_until(clock.now() + Seconds(0.005), {});
  }
  ASSERT_FALSE(processes_with(length).empty());
  ASSERT_TRUE(good(down(prefix_)));
  int status = 0;
  EXPECT_EQ(child, waitpid(child, &status, 0)) << "sleep was ended, so its godwit ended too";
}

/// A builder that is killed at some moment of its work.
void kill_builder_after(const LabSpec& lab, const GuestSpec& guest,
                        std::chrono::milliseconds moment) {
  const pid_t builder = fork();
  if (builder == 0) {
    if (up(lab)) (void)start_guest(lab.name, guest);
    _exit(0);
  }
  RealClock clock;  // the moment is what is tried, nothing is awaited
  (void)clock.wait_until(clock.now() + Seconds(moment), {});
  kill(builder, SIGKILL);
  waitpid(builder, nullptr, 0);
}

TEST_F(LabNetwork, BuilderKilledAtAnyMomentIsCleanedUpByDown) {
  for (const int moment_ms : {0, 3, 10, 25, 50, 80, 120, 170, 230, 300, 400}) {
    kill_builder_after(spec(), guest(), std::chrono::milliseconds(moment_ms));
    ASSERT_TRUE(good(down(prefix_))) << "killed after " << moment_ms << " ms";
    ASSERT_EQ(before_.namespaces, traces_of(prefix_).namespaces) << moment_ms;
    ASSERT_EQ(before_.files, traces_of(prefix_).files) << moment_ms;
    ASSERT_EQ(std::set<pid_t>{}, processes_with(lab_folder(prefix_))) << moment_ms;
  }
}

TEST_F(LabNetwork, BuilderKilledAtAnyMomentIsCleanedUpByTheNextUp) {
  kill_builder_after(spec(), guest(), std::chrono::milliseconds(60));
  auto lab = up(spec());
  if (!lab) {
    EXPECT_EQ(ErrorCode::kBusy, lab.error().code) << "it had been quick";
  } else {
    EXPECT_TRUE(lab->complete);
  }
}

}  // namespace
}  // namespace godwit::lab
