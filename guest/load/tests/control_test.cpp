#include "godwit/guest/control.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace godwit::guest {
namespace {

std::vector<ControlCommand::Kind> kinds_of(const std::vector<std::string>& pieces) {
  std::vector<ControlCommand::Kind> kinds;
  ControlReader reader;
  std::string bytes;
  for (const std::string& piece : pieces) {
    bytes += piece;
    for (;;) {
      const ControlCommand command = reader.next(bytes);
      if (command.kind == ControlCommand::Kind::kNone) break;
      kinds.push_back(command.kind);
    }
  }
  return kinds;
}

TEST(Control, ReadsCommands) {
  EXPECT_EQ(parse_control_line("status").kind, ControlCommand::Kind::kStatus);
  EXPECT_EQ(parse_control_line("status\r").kind, ControlCommand::Kind::kStatus);
  EXPECT_EQ(parse_control_line("poweroff").kind, ControlCommand::Kind::kPowerOff);
  const ControlCommand command = parse_control_line("load idle+cpu,duty=5%");
  EXPECT_EQ(command.kind, ControlCommand::Kind::kLoad);
  EXPECT_EQ(command.plan.tracks.size(), 2U);
}

TEST(Control, RefusesTheRestInOnePrintableLine) {
  const std::string binary("load \0\x01\xff idle", 13);
  for (const std::string& line : std::vector<std::string>{
           "", "load", "load ", "stop", "status now", "poweroff now", "load burn", "\x1b[2J",
           "load idle\ttab", binary, "load idl\xc3\xa9"}) {
    const ControlCommand command = parse_control_line(line);
    EXPECT_EQ(command.kind, ControlCommand::Kind::kBad) << line;
    EXPECT_FALSE(command.error.empty());
    for (const char c : command.error) EXPECT_TRUE(c >= ' ' && c <= '~') << command.error;
  }
}

TEST(Control, ATornLineWaitsForItsRest) {
  EXPECT_EQ(kinds_of({"sta", "tus", "\nload id", "le\nsta"}),
            (std::vector{ControlCommand::Kind::kStatus, ControlCommand::Kind::kLoad}));
}

TEST(Control, ALineTooLongIsRefusedOnceAndTheNextOneRead) {
  EXPECT_EQ(kinds_of({std::string(3000, 'x'), std::string(3000, 'x'), std::string(9000, 'x'),
                      "tail\nstatus\n"}),
            (std::vector{ControlCommand::Kind::kBad, ControlCommand::Kind::kStatus}));
}

RC_GTEST_PROP(Control, CutsDoNotMatter, (const std::vector<std::string>& pieces)) {
  std::string whole;
  for (const std::string& piece : pieces) whole += piece;
  RC_ASSERT(kinds_of(pieces) == kinds_of({whole}));
}

}  // namespace
}  // namespace godwit::guest
