#include "godwit/hosts/record_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace godwit::hosts {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

fleet::Entry ended() {
  fleet::Entry one;
  one.kind = fleet::Entry::Kind::kEnded;
  one.run = "1";
  return one;
}

class RecordFile : public testing::Test {
 protected:
  RecordFile()
      : folder_(std::filesystem::temp_directory_path() /
                ("godwit-record-" + std::to_string(::getpid()))) {}
  ~RecordFile() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::filesystem::path file() const { return folder_ / "fleets" / "lab.jsonl"; }

 private:
  std::filesystem::path folder_;
};

TEST_F(RecordFile, WhatIsWrittenIsReadAgain) {
  fleet::Entry one;
  one.kind = fleet::Entry::Kind::kMoved;
  one.run = "1";
  one.vm = "web";
  one.from = "a";
  one.to = "b";
  one.prepared = Seconds(1.5);
  one.around = Seconds(0.25);
  one.technique = "multifd+postcopy";
  one.wall_us = 1'700'000'000'000'000;
  {
    const auto record = FileRecord::open(file());
    ASSERT_TRUE(record) << record.error().message;
    EXPECT_TRUE((*record)->append(one));
    EXPECT_TRUE((*record)->append(ended()));
  }
  const auto entries = read_record(file());
  ASSERT_TRUE(entries) << entries.error().message;
  EXPECT_THAT(*entries, ElementsAre(one, ended()));
}

TEST_F(RecordFile, OnlyOneGodwitMovesVmsOfAFleet) {
  const auto record = FileRecord::open(file());
  ASSERT_TRUE(record);
  const auto second = FileRecord::open(file());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
}

TEST_F(RecordFile, ATornLastLineWasNeverWritten) {
  {
    const auto record = FileRecord::open(file());
    ASSERT_TRUE(record);
    EXPECT_TRUE((*record)->append(ended()));
  }
  std::ofstream(file(), std::ios::app) << R"({"what":"mov)";
  const auto entries = read_record(file());
  ASSERT_TRUE(entries) << entries.error().message;
  EXPECT_EQ(entries->size(), 1u);
}

TEST_F(RecordFile, WithoutAFileThereAreNoEntries) {
  const auto entries = read_record(file());
  ASSERT_TRUE(entries);
  EXPECT_THAT(*entries, IsEmpty());
}

}  // namespace
}  // namespace godwit::hosts
