// A daemon that takes connections and never answers, as one that is stopped: no command waits for
// it for ever.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

#include "godwit_program.h"
#include "silent_listener.h"
#include "temporary_folder.h"

namespace godwit::e2e {
namespace {

using testing::HasSubstr;

class LibvirtSilence : public testing::Test {
 protected:
  [[nodiscard]] std::string address() const { return "libvirt:" + daemon.uri(); }

  TemporaryFolder folder;
  SilentListener daemon{folder.file("libvirt-sock")};
};

TEST_F(LibvirtSilence, EndsWithinHalfAMinuteAndIsSaid) {
  const Finished run = run_godwit({"profile", address() + "#vm"});
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  EXPECT_THAT(run.err, HasSubstr("no answer within"));
  EXPECT_THAT(run.err, HasSubstr("peer_gone"));
}

TEST_F(LibvirtSilence, CtrlCEndsWaitingForIt) {
  const std::vector<std::vector<std::string>> commands{
      {"profile", address() + "#vm"},
      {"migrate", address() + "#vm", address(), "--no-profile"},
      {"evacuate", address(), "--hosts", "test:///default", "--link", "1Gbit/s"},
      {"evacuate", "libvirt:test:///default", "--hosts", daemon.uri(), "--link", "1Gbit/s"},
      {"cordon", address(), "--hosts", "test:///default", "--link", "1Gbit/s"}};
  for (const auto& command : commands) {
    SCOPED_TRACE(command.front());
    GodwitProgram waiting(command);
    ASSERT_TRUE(daemon.await_one());
    waiting.signal(SIGINT);
    const Finished run = waiting.wait();
    EXPECT_EQ(run.status, 1) << run.out << run.err;
    EXPECT_THAT(run.err, HasSubstr("interrupted"));
  }
}

TEST_F(LibvirtSilence, CtrlCEndsWatchingIt) {
  for (const char* const command : {"watch", "exporter"}) {
    SCOPED_TRACE(command);
    GodwitProgram watching({command, "--all", daemon.uri(), "--json"});
    ASSERT_TRUE(daemon.await_one());
    watching.signal(SIGINT);
    const Finished run = watching.wait();
    EXPECT_EQ(run.status, 0) << run.out << run.err;
  }
}

}  // namespace
}  // namespace godwit::e2e
