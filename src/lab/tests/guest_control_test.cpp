#include "guest_control.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <functional>
#include <thread>

#include "godwit/base/unique_fd.h"

namespace godwit::lab {
namespace {

/// A guest that says what the test wants it to.
class ScriptedGuest {
 public:
  /// `answer` gets the line that came, and returns what is sent back.
  explicit ScriptedGuest(std::function<std::string(std::string)> answer)
      : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    sockaddr generic{};
    std::memcpy(&generic, &address, sizeof address);
    EXPECT_EQ(0, bind(listener_.get(), &generic, size));
    EXPECT_EQ(0, listen(listener_.get(), 1));
    EXPECT_EQ(0, getsockname(listener_.get(), &generic, &size));
    std::memcpy(&address, &generic, sizeof address);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this, answer = std::move(answer)] { serve(answer); });
  }
  ~ScriptedGuest() { shutdown(listener_.get(), SHUT_RDWR); }

  [[nodiscard]] GuestControl control() const { return {"127.0.0.1", port_, {}}; }

 private:
  void serve(const std::function<std::string(std::string)>& answer) {
    const UniqueFd peer(accept(listener_.get(), nullptr, nullptr));
    if (!peer.valid()) return;
    std::string line;
    char c = 0;
    while (recv(peer.get(), &c, 1, 0) == 1 && c != '\n') line += c;
    const std::string text = answer(line);
    (void)send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (!text.empty() && text.back() == '~') {  // hold the line until the other side hangs up
      (void)recv(peer.get(), &c, 1, 0);
    }
  }

  UniqueFd listener_;
  int port_ = 0;
  std::jthread thread_;
};

Result<void> told(const std::string& answer, Seconds patience = Seconds{30}) {
  const ScriptedGuest guest([&answer](const std::string&) { return answer; });
  return tell_load(guest.control(), "idle", patience, {});
}

TEST(GuestControl, TellsTheLoadAndTakesOk) {
  std::string heard;
  {
    const ScriptedGuest guest([&heard](std::string line) {
      heard = std::move(line);
      return "ok\n";
    });
    EXPECT_TRUE(tell_load(guest.control(), "cpu,duty=5%", Seconds{30}, {}));
  }
  EXPECT_EQ("load cpu,duty=5%", heard);
}

TEST(GuestControl, ARefusalIsHandedOn) {
  auto refused = told("error character 1: unknown load 'burn'\n");
  ASSERT_FALSE(refused);
  EXPECT_EQ(ErrorCode::kBadInput, refused.error().code);
  EXPECT_NE(std::string::npos, refused.error().message.find("unknown load 'burn'"));
}

TEST(GuestControl, OtherAnswersAreNoSuccess) {
  EXPECT_EQ(ErrorCode::kPeerGone, told("").error().code) << "it hangs up";
  EXPECT_EQ(ErrorCode::kPeerGone, told("ok").error().code) << "it hangs up within its answer";
  EXPECT_EQ(ErrorCode::kProtocol, told("220 mail.example\n").error().code);
  EXPECT_EQ(ErrorCode::kProtocol, told(std::string(1 << 16, 'x')).error().code);
}

TEST(GuestControl, SilenceEndsWithThePatience) {
  auto silent = told("~", Seconds{0.05});
  ASSERT_FALSE(silent);
  EXPECT_EQ(ErrorCode::kTimeout, silent.error().code);
  EXPECT_FALSE(silent.error().what_to_do.empty());
}

TEST(GuestControl, AStopEndsTheWaiting) {
  std::stop_source stop;
  const ScriptedGuest guest([&stop](const std::string&) {
    stop.request_stop();
    return "~";
  });
  auto stopped = tell_load(guest.control(), "idle", Seconds{30}, stop.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(ErrorCode::kInterrupted, stopped.error().code);
}

TEST(GuestControl, NobodyThereIsSaid) {
  GuestControl nobody;
  {
    const ScriptedGuest guest([](const std::string&) { return ""; });
    nobody = guest.control();
  }
  auto gone = tell_load(nobody, "idle", Seconds{30}, {});
  ASSERT_FALSE(gone);
  EXPECT_EQ(ErrorCode::kPeerGone, gone.error().code);
}

}  // namespace
}  // namespace godwit::lab
