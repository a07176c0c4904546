// Input that no VM is behind: one line, what to do, exit status 2 or 3, and nothing happens.

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <fstream>
#include <thread>

#include "godwit/base/unique_fd.h"
#include "godwit_program.h"

namespace godwit::e2e {
namespace {

/// A peer on a unix socket that says something and then keeps the line open.
class Peer {
 public:
  Peer(const std::string& path, std::string says) : says_(std::move(says)) {
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
        ::listen(listener_.get(), 4) != 0) {
      throw std::runtime_error("cannot listen on " + path);
    }
    server_ = std::jthread([this] { serve(); });
  }
  ~Peer() { ::shutdown(listener_.get(), SHUT_RDWR); }

 private:
  void serve() {
    std::vector<UniqueFd> clients;
    while (true) {
      UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client.valid()) return;
      (void)::send(client.get(), says_.data(), says_.size(), MSG_NOSIGNAL);
      clients.push_back(std::move(client));
    }
  }
  std::string says_;
  UniqueFd listener_;
  std::jthread server_;
};

void expect_one_line(const Finished& run, int status, const std::string& code) {
  EXPECT_EQ(run.status, status) << run.out << run.err;
  const Json json = run.json();
  ASSERT_TRUE(json.is_object()) << run.out;
  EXPECT_EQ(json.at("error").at("code"), code) << run.out;
  EXPECT_FALSE(json.at("error").at("what_to_do").get<std::string>().empty());
  EXPECT_EQ(json.at("error").at("message").get<std::string>().find('\n'), std::string::npos);
}

TEST(BadInput, ADiskThatCannotBeMeantIsRefusedBeforeAnythingIsBuilt) {
  for (const char* size : {"64", "0MiB", "1kB", "2TiB", "much"}) {
    expect_one_line(run_godwit({"lab", "up", "--lab", "nodisk", "--disk", size, "--json"}), 2,
                    "bad_input");
  }
  expect_one_line(run_godwit({"lab", "status", "--lab", "nodisk", "--json"}), 2, "not_found");
}

TEST(BadInput, NoSuchSocket) {
  expect_one_line(run_godwit({"profile", "qmp:/nowhere/vm.qmp", "--json"}), 2, "not_found");
}

TEST(BadInput, AFileThatIsNoSocket) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("plain")) << "text";
  expect_one_line(run_godwit({"profile", "qmp:" + folder.file("plain"), "--json"}), 2, "bad_input");
}

TEST(BadInput, APeerThatDoesNotSpeakQmp) {
  const TemporaryFolder folder;
  const Peer peer(folder.file("ssh"), "SSH-2.0-OpenSSH_9.2\r\n");
  expect_one_line(run_godwit({"profile", "qmp:" + folder.file("ssh"), "--json"}), 2, "protocol");
}

TEST(BadInput, AHostilePeer) {
  const TemporaryFolder folder;
  const Peer peer(folder.file("deep"), std::string(200'000, '[') + "\n");
  expect_one_line(run_godwit({"profile", "qmp:" + folder.file("deep"), "--json"}), 2, "protocol");
}

TEST(BadInput, AMonitorThatSomebodyElseHolds) {
  const TemporaryFolder folder;
  const Peer peer(folder.file("held"), "");
  expect_one_line(run_godwit({"profile", "qmp:" + folder.file("held"), "--json"}), 2, "busy");
}

class BadRate : public testing::TestWithParam<const char*> {};
TEST_P(BadRate, IsRefusedBeforeAnythingIsOpened) {
  const Finished run =
      run_godwit({"predict", "qmp:/nowhere/vm.qmp", std::string("--link=") + GetParam(), "--json"});
  expect_one_line(run, 2, "bad_input");
}
INSTANTIATE_TEST_SUITE_P(All, BadRate,
                         testing::Values("-50MB/s", "50", "0MB/s", "99999999GB/s", "fast", "50MB"));

TEST(BadInput, TornAndForeignProfiles) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("torn")) << R"({"profile": {"vm": "x", "ram_by)";
  std::ofstream(folder.file("other")) << R"({"name": "not a profile"})";
  for (const char* name : {"torn", "other"}) {
    expect_one_line(
        run_godwit({"predict", "--profile", folder.file(name), "--link", "50MB/s", "--json"}), 2,
        "corrupt");
  }
}

TEST(BadInput, ATableThatIsNotThereOrNoneOrNotNamed) {
  TemporaryFolder folder;
  std::ofstream(folder.file("table.csv.gz")) << "a,b\n1,2\n";
  for (const char* set : {"precopy-rounds", "qmp-traces", "openstack-profiles"}) {
    const auto evaluate = [set](std::vector<std::string> more) {
      more.insert(more.begin(), {"evaluate", "--dataset", set, "--json"});
      return run_godwit(more);
    };
    expect_one_line(evaluate({folder.file("none")}), 2, "not_found");
    expect_one_line(evaluate({folder.file("table.csv.gz")}), 2, "corrupt");
    expect_one_line(evaluate({}), 2, "bad_input");
  }
}

TEST(BadInput, ObservingAgainAndAgainMustBePossible) {
  const auto watch = [](std::vector<std::string> more) {
    more.insert(more.begin(), {"profile", "qmp:/nowhere/vm.qmp", "--json"});
    return run_godwit(more);
  };
  expect_one_line(watch({"--every", "2s", "--times", "3"}), 2, "bad_input");  // it takes 9 s
  expect_one_line(watch({"--every", "10s"}), 2, "bad_input");  // and would keep them all
  expect_one_line(watch({"--times", "3"}), 2, "bad_input");
  expect_one_line(watch({"--every", "10s", "--times", "0"}), 2, "bad_input");
  expect_one_line(watch({"--every", "10s", "--times", "2", "--rehearse"}), 2, "bad_input");
  expect_one_line(watch({"--cpu", "0%"}), 2, "bad_input");
  expect_one_line(watch({"--every", "10s", "--times", "2"}), 2, "not_found");
}

TEST(BadInput, ThereIsNothingToLearnFrom) {
  const TemporaryFolder folder;
  const auto learn = [&](const std::string& data) {
    return run_godwit({"learn", "--data", data, "-o", folder.file("model.json"), "--json"});
  };
  expect_one_line(learn(folder.file("none")), 2, "not_found");
  std::ofstream(folder.file("migrations.csv.gz")) << "a,b\n1,2\n";
  std::ofstream(folder.file("profiles.jsonl.gz")) << "{}";
  expect_one_line(learn(folder.file(".")), 2, "corrupt");
  EXPECT_FALSE(std::ifstream(folder.file("model.json")));
}

TEST(BadInput, AStoreThatIsNoStore) {
  const TemporaryFolder folder;
  const std::string text(4096, 'x');
  std::ofstream(folder.file("db")) << text;
  expect_one_line(run_godwit({"history", "--store", folder.file("db"), "--json"}), 2, "corrupt");
  std::ifstream file(folder.file("db"));
  std::string still;
  std::getline(file, still);
  EXPECT_EQ(still, text) << "it was left as it is";
}

TEST(BadInput, UsageErrorsAreJsonToo) {
  expect_one_line(run_godwit({"migrate", "--json"}), 2, "bad_input");
  expect_one_line(run_godwit({"fly", "--json"}), 2, "bad_input");
}

TEST(BadInput, WithoutJsonTheErrorIsOneLineOnStderr) {
  const Finished run = run_godwit({"profile", "vm1"});
  EXPECT_EQ(run.status, 2);
  EXPECT_TRUE(run.out.empty());
  EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
}

}  // namespace
}  // namespace godwit::e2e
