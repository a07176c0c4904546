// The definitions that help, man page and completion are made from, and the options' meaning.

#include "command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "godwit/domain/technique.h"
#include "godwit/terminal/manual.h"
#include "godwit/terminal/options.h"
#include "godwit/terminal/spelling.h"

namespace godwit::cli {
namespace {

using testing::HasSubstr;

class Commands : public testing::Test {
 protected:
  Commands() {
    app_.cli11().fallthrough();
    add_commands(app_, chosen_);
  }
  [[nodiscard]] std::vector<const CLI::App*> commands() const {
    const auto all = [](const CLI::App*) { return true; };
    std::vector<const CLI::App*> found;
    for (const CLI::App* command : std::as_const(app_.cli11()).get_subcommands(all)) {
      if (command->get_group().empty()) continue;
      found.push_back(command);
      for (const CLI::App* inner : command->get_subcommands(all)) found.push_back(inner);
    }
    return found;
  }

  terminal::Command app_{"test", "godwit"};
  terminal::Chosen chosen_;
};

TEST_F(Commands, EachHelpPageEndsWithExamples) {
  ASSERT_GE(commands().size(), 10u);
  for (const CLI::App* command : commands()) {
    EXPECT_THAT(command->help(), HasSubstr("Examples:\n  godwit ")) << command->get_name();
    EXPECT_FALSE(command->get_description().empty()) << command->get_name();
  }
}

TEST_F(Commands, WhateverAnErrorAsksToSetIsAnOption) {
  for (const Setting setting : kAllSettings) {
    const std::string wanted = terminal::option(setting);
    const auto known = commands();
    EXPECT_TRUE(std::any_of(known.begin(), known.end(), [&](const CLI::App* command) {
      return command->get_option_no_throw(wanted) != nullptr;
    })) << wanted;
  }
}

TEST(Spelling, ARemedysSettingsAreWrittenAsOptions) {
  const Error said = terminal::spelt({ErrorCode::kImpossible,
                                      "no",
                                      {"give ",
                                       {Setting::kMaxDowntime, "40ms"},
                                       ", or ",
                                       {Setting::kVariable, "a=b_c"},
                                       " without ",
                                       Setting::kNoPostcopy}});
  EXPECT_EQ(said.code, ErrorCode::kImpossible);
  EXPECT_EQ(said.message, "no");
  EXPECT_EQ(said.what_to_do, "give --max-downtime 40ms, or --set a=b_c without --no-postcopy");
}

TEST_F(Commands, TheManPageAndTheCompletionKnowEveryCommand) {
  const std::string man = terminal::man_page(app_.cli11());
  const std::string completion = terminal::bash_completion(app_.cli11());
  EXPECT_EQ(man.find(".TH GODWIT 1"), 0u);
  for (const CLI::App* command : commands()) {
    EXPECT_THAT(man, HasSubstr(command->get_name()));
    EXPECT_THAT(completion, HasSubstr(command->get_name()));
  }
  EXPECT_THAT(man, HasSubstr("\\-\\-max\\-downtime"));
  EXPECT_THAT(completion, HasSubstr("--max-downtime"));
}

TEST_F(Commands, ALabGuestMeansThatItsUsersNamespacesMustBeEntered) {
  app_.cli11().parse("profile lab:guest --lab mine", false);
  ASSERT_TRUE(chosen_.lab);
  EXPECT_EQ(chosen_.lab->lab, "mine");
  EXPECT_EQ(chosen_.lab->mode, lab::EnterMode::kJoin);
}

TEST_F(Commands, AForeignVmNeedsNoNamespaces) {
  app_.cli11().parse("profile qmp:/run/vm.qmp", false);
  EXPECT_FALSE(chosen_.lab);
  EXPECT_TRUE(chosen_.action);
}

TEST(Options, IntentIsReadWithUnits) {
  terminal::IntentOptions options;
  options.max_downtime = "300ms";
  options.max_slowdown = "10%";
  options.prefer = "time";
  const auto intent = options.value();
  ASSERT_TRUE(intent) << intent.error().message;
  EXPECT_EQ(intent->max_downtime, Seconds(0.3));
  EXPECT_EQ(intent->max_slowdown, Ratio(0.1));
  EXPECT_EQ(intent->prefer, Intent::Prefer::kTime);
}

TEST(Options, WhatCannotBeMeantIsRefusedWithTheOptionsName) {
  terminal::IntentOptions bare;
  bare.max_downtime = "300";
  EXPECT_THAT(bare.value().error().message, HasSubstr("--max-downtime"));
  terminal::IntentOptions zero;
  zero.max_downtime = "0ms";
  EXPECT_FALSE(zero.value());
  terminal::IntentOptions share;
  share.max_slowdown = "0.1";
  EXPECT_FALSE(share.value());
  terminal::IntentOptions preference;
  preference.prefer = "speed";
  EXPECT_FALSE(preference.value());
  terminal::ObserveOption blink;
  blink.duration = "10ms";
  EXPECT_FALSE(blink.value());
  EXPECT_THAT(parse_technique("teleport").error().what_to_do, HasSubstr("precopy"));
}

}  // namespace
}  // namespace godwit::cli
