#include "godwit/dataset/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace godwit::dataset {
namespace {

using testing::HasSubstr;

std::string why_not(std::string_view text) {
  const auto table = CsvTable::parse(text);
  EXPECT_FALSE(table.has_value());
  EXPECT_EQ(table.error().code, ErrorCode::kCorrupt);
  return table.error().message;
}

TEST(Csv, RowsAreReadByColumn) {
  const auto table = CsvTable::parse("name,size\nfirst,12\r\nsecond,\n");
  ASSERT_TRUE(table) << table.error().message;
  ASSERT_EQ(table->rows(), 2u);
  CsvRow first(*table, 0);
  EXPECT_EQ(first.text("name"), "first");
  EXPECT_EQ(first.bytes("size"), Bytes(12));
  EXPECT_TRUE(first.good());
  CsvRow second(*table, 1);
  EXPECT_EQ(second.optional_number("size"), std::nullopt);
  EXPECT_TRUE(second.good());
}

TEST(Csv, QuotedFieldsHoldCommasQuotesAndLineEnds) {
  const auto table = CsvTable::parse("a,b\n\"x,\"\"y\"\"\nz\",2");
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(table->at(0, 0), "x,\"y\"\nz");
  EXPECT_EQ(table->at(0, 1), "2");
}

TEST(Csv, WhatIsTornIsNamedByItsLine) {
  why_not("");
  EXPECT_THAT(why_not("a,a\n"), HasSubstr("two columns"));
  EXPECT_THAT(why_not("a,b\n1,2\n1\n"), HasSubstr("line 3: 1 fields, but 2"));
  EXPECT_THAT(why_not("a\n\"x"), HasSubstr("line 2: a quote that never ends"));
  EXPECT_THAT(why_not("a\n\"x\"y\n"), HasSubstr("text after a quoted field"));
  EXPECT_THAT(why_not("a\nx\"y\n"), HasSubstr("a quote inside of a field"));
}

TEST(Csv, AFieldOfTheWrongKindIsNamedByRowAndColumn) {
  const auto table = CsvTable::parse("size,pages\n-1,3 x 4\n");
  ASSERT_TRUE(table);
  CsvRow row(*table, 0);
  EXPECT_EQ(row.count("size"), 0);
  EXPECT_TRUE(row.counts("pages").empty());
  ASSERT_FALSE(row.good());
  EXPECT_THAT(row.good().error().message,
              HasSubstr("row 1: size is \"-1\""));  // the first one stays
  CsvRow other(*table, 0);
  EXPECT_EQ(other.number("weight"), 0);
  EXPECT_THAT(other.good().error().message, HasSubstr("no column weight among size, pages"));
}

TEST(Csv, InfinityAndWhatFollowsANumberAreRefused) {
  for (const char* value : {"inf", "nan", "1e999", "1 ", "0x1", "1,"}) {
    const auto table = CsvTable::parse(std::string("x\n\"") + value + "\"\n");
    ASSERT_TRUE(table);
    CsvRow row(*table, 0);
    EXPECT_EQ(row.number("x"), 0) << value;
    EXPECT_FALSE(row.good()) << value;
  }
}

RC_GTEST_PROP(Csv, AnyTextComesBackFromQuotes, (std::string text)) {
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  const auto table = CsvTable::parse("x\n" + quoted + "\"\n");
  RC_ASSERT(table.has_value());
  RC_ASSERT(table->rows() == 1u);
  RC_ASSERT(table->at(0, 0) == text);
}

RC_GTEST_PROP(Csv, AnyBytesAreATableOrAnError, (std::string text)) {
  const auto table = CsvTable::parse(text);
  RC_ASSERT(table.has_value() || table.error().code == ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace godwit::dataset
