#include "godwit/base/remedy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "godwit/base/error.h"

namespace godwit {
namespace {

using testing::ElementsAre;
using Part = Remedy::Part;

TEST(Remedy, TextIsWhatItWasMadeOf) {
  EXPECT_TRUE(Remedy().empty());
  EXPECT_TRUE(Remedy("").empty());
  EXPECT_EQ(Remedy("wait").text(), "wait");
  EXPECT_EQ(Remedy(std::string("wait")), "wait");
  EXPECT_FALSE(Remedy(Remedy{Setting::kStore}).empty()) << "a setting alone is a step, too";
}

TEST(Remedy, SettingsStayValuesUntilTheyAreSpelt) {
  const Remedy remedy{"give a ", {Setting::kLink, "50MB/s"}, ", or ", Setting::kNoProfile};
  EXPECT_THAT(remedy.parts(), ElementsAre(Part("give a "), Part(Setting::kLink, "50MB/s"),
                                          Part(", or "), Part(Setting::kNoProfile)));
  EXPECT_EQ(remedy.text(), "give a link 50MB/s, or no_profile");
  EXPECT_EQ(remedy.text([](Setting setting, std::string_view value) {
    return "<" + std::string(to_string(setting)) + "=" + std::string(value) + ">";
  }),
            "give a <link=50MB/s>, or <no_profile=>");
}

TEST(Remedy, MoreIsAppendedAsIfItHadBeenThereFromTheBeginning) {
  Remedy remedy = "mend that";
  remedy += "; or ";
  remedy += {"name a file with ", Setting::kStore};
  EXPECT_EQ(remedy, (Remedy{"mend that; or name a file with ", Setting::kStore}));
  remedy += remedy;
  EXPECT_EQ(remedy.text(),
            "mend that; or name a file with storemend that; or name a file with store");
}

TEST(Remedy, AnErrorKeepsItWhereverItIsPassedOn) {
  const Result<void> failed = fail(ErrorCode::kBadInput, "no rate", {"give one: ", Setting::kLink});
  const Error later = failed.error().while_doing("predicting");
  EXPECT_EQ(later.what_to_do, (Remedy{"give one: ", Setting::kLink}));
}

TEST(Remedy, EverySettingHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (const Setting setting : kAllSettings) names.insert(to_string(setting));
  EXPECT_EQ(names.size(), kAllSettings.size());
}

}  // namespace
}  // namespace godwit
