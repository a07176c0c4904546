#include "godwit/train/labelled_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <set>

namespace godwit::train {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

LabelledRows two_rows() {
  LabelledRows labelled;
  labelled.features = {"a", "b"};
  labelled.rows = {{1, 2}, {3, std::nan("")}};
  labelled.labels = {10, 20};
  labelled.groups = {"x", "y"};
  return labelled;
}

TEST(LabelledRows, WhatCannotBeLearntFromIsRefused) {
  EXPECT_TRUE(check(two_rows())) << "an unknown feature is none of that";
  EXPECT_FALSE(check(LabelledRows{}));
  LabelledRows narrow = two_rows();
  narrow.rows[1].pop_back();
  EXPECT_THAT(check(narrow).error().message, HasSubstr("row 2 has 1 values"));
  LabelledRows endless = two_rows();
  endless.rows[0][1] = std::numeric_limits<double>::infinity();
  EXPECT_THAT(check(endless).error().message, HasSubstr("row 1: b is infinite"));
  LabelledRows blind = two_rows();
  blind.labels[1] = std::nan("");
  EXPECT_FALSE(check(blind));
  LabelledRows torn = two_rows();
  torn.groups.pop_back();
  EXPECT_FALSE(check(torn));
}

TEST(LabelledRows, PartsKeepTheirOrder) {
  const LabelledRows part = columns_of(rows_of(two_rows(), {1, 0}), {"b"});
  EXPECT_THAT(part.features, ElementsAre("b"));
  EXPECT_TRUE(std::isnan(part.rows[0][0]));
  EXPECT_EQ(part.rows[1][0], 2);
  EXPECT_THAT(part.labels, ElementsAre(20, 10));
  EXPECT_THAT(part.groups, ElementsAre("y", "x"));
}

TEST(Folds, OneGroupAloneCannotBeJudged) {
  EXPECT_TRUE(folds_of({"a", "a", "a"}, 5).empty());
  EXPECT_TRUE(folds_of({}, 5).empty());
}

RC_GTEST_PROP(FoldsProperty, NoGroupIsOnBothSidesAndEachRowIsJudgedOnce, ()) {
  const auto groups = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>("a", "b", "c", "d"));
  const auto count = *rc::gen::inRange<std::size_t>(2, 6);
  std::vector<int> test(groups.size(), 0);
  const auto folds = folds_of(groups, count);
  for (const Fold& fold : folds) {
    std::set<std::string> learnt;
    for (const std::size_t row : fold.training) learnt.insert(groups[row]);
    for (const std::size_t row : fold.test) {
      ++test[row];
      RC_ASSERT(!learnt.contains(groups[row]));
    }
    RC_ASSERT(fold.training.size() + fold.test.size() == groups.size());
  }
  RC_ASSERT(folds.size() <= count);
  for (const int times : test) RC_ASSERT(times == (folds.empty() ? 0 : 1));
}

}  // namespace
}  // namespace godwit::train
