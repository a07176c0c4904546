#include "signals.h"

#include <gtest/gtest.h>

#include <csignal>
#include <initializer_list>
#include <optional>
#include <utility>

namespace godwit::cli {
namespace {

/// What these signals, one after the other, come to: is a stop requested, and a second one?
/// `hang_up`: what became of SIGHUP before.
std::pair<bool, bool> raised(std::initializer_list<int> signals, void (*hang_up)(int) = SIG_DFL) {
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, SIG_DFL);
  std::signal(SIGHUP, hang_up);
  std::optional<StopOnSignal> taken(std::in_place);
  const std::stop_token stop = taken->token();
  const std::stop_token leave = taken->leave();
  for (const int signal : signals) std::raise(signal);
  taken.reset();  // all that came before has been taken then
  return {stop.stop_requested(), leave.stop_requested()};
}

TEST(StopOnSignal, ASecondOneAsksNotToWait) {
  EXPECT_EQ(raised({SIGTERM}), std::pair(true, false));
  EXPECT_EQ(raised({SIGINT, SIGTERM}), std::pair(true, true));
}

TEST(StopOnSignal, ATerminalThatGoesAwayIsNoSecondOne) {
  EXPECT_EQ(raised({SIGHUP, SIGHUP}), std::pair(true, false));
}

TEST(StopOnSignal, WhatIsIgnoredFromTheStartStaysIgnored) {
  EXPECT_EQ(raised({SIGHUP}, SIG_IGN), std::pair(false, false));
  EXPECT_EQ(std::signal(SIGHUP, SIG_DFL), SIG_IGN) << "and afterwards, too";
}

}  // namespace
}  // namespace godwit::cli
