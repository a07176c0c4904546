#include "godwit/learn/training_example.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::learn {
namespace {

/// Whatever people combine is learnt from, and presets keep their order in files.
TEST(TrainingExamples, TellWhichTechniquesOccur) {
  std::vector<TrainingExample> examples;
  const auto combination = parse_technique("multifd-zstd+auto-converge").value();
  for (const Technique technique : {combination, Technique::kHybrid, Technique::kPrecopy,
                                    Technique::kHybrid, Technique::kMultifd}) {
    examples.emplace_back().predicted.technique = technique;
  }
  EXPECT_THAT(techniques_of(examples),
              testing::ElementsAre(Technique::kPrecopy, Technique::kMultifd, Technique::kHybrid,
                                   combination));
}

}  // namespace
}  // namespace godwit::learn
