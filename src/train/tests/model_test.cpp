#include "godwit/train/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "examples.h"
#include "trained.h"

namespace godwit::train {
namespace {

using learn::LearntModel;
using learn::TrainingExample;
using testing::HasSubstr;

TEST(LearntModel, TooFewExamplesOrOneLoadTeachNothing) {
  EXPECT_FALSE(train_model(trainer(), examples(20), "a test"));
  auto same = examples(60);
  for (TrainingExample& example : same) example.load = "one";
  EXPECT_FALSE(train_model(trainer(), same, "a test"));
  EXPECT_FALSE(train_model(trainer(), {}, "a test"));
}

TEST(LearntModel, AFileThatIsNotJustRightIsRefused) {
  const Json whole = train_model(trainer(), examples(60), "a test")->to_json();
  const auto refused = [](const Json& json) {
    const auto model = LearntModel::from_json(json);
    return model ? std::string() : model.error().message + model.error().what_to_do.text();
  };
  EXPECT_THAT(refused(Json::array()), HasSubstr("godwit learn"));
  Json other = whole;
  other["version"] = 99;
  EXPECT_THAT(refused(other), HasSubstr("version 99"));
  Json swapped = whole;
  std::swap(swapped["features"][0], swapped["features"][1]);
  EXPECT_THAT(refused(swapped), HasSubstr("another order"));
  for (const auto& [key, value] : whole.items()) {
    Json torn = whole;
    torn.erase(key);
    EXPECT_NE(refused(torn), "") << key;
  }
  EXPECT_NE(refused(Json{{"what", 5}}), "");
  Json narrow = whole;
  narrow["applicability_domain"]["rows"][0].erase(0);
  EXPECT_NE(refused(narrow), "");
}

}  // namespace
}  // namespace godwit::train
