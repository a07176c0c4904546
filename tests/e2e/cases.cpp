#include "cases.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <iostream>

namespace godwit::e2e {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

bool says(const Finished& run, const std::string& word) {
  return lower(run.out + run.err).find(lower(word)) != std::string::npos;
}

Json outcome_of(const Finished& run) {
  const Json json = run.json();
  if (!json.is_object() || !json.contains("outcome")) {
    ADD_FAILURE() << "no outcome: " << run.status << "\n" << run.out << run.err;
    return Json{{"status", ""}, {"vm_runs_on", ""}, {"reason", ""}, {"technique", ""}};
  }
  return json.at("outcome");
}

std::vector<std::string> drive(const std::string& file, const std::string& more) {
  return {"-drive", "if=virtio,format=raw,file=" + file + more};
}

void Cases::SetUp() {
  // A journal and a store of its own: nobody else's migration is in it.
  for (const char* home : {"XDG_STATE_HOME", "XDG_DATA_HOME"}) {
    ::setenv(home, folder_.file(home).c_str(), 1);
  }
}

void Cases::TearDown() {
  if (pair_ && HasFailure()) {
    std::cout << "source's QEMU: " << pair_->log(Side::kSource)
              << "\ndestination's: " << pair_->log(Side::kDestination) << "\n";
  }
  pair_.reset();
}

QemuPair& Cases::start(const PairSetup& setup) {
  pair_ = std::make_unique<QemuPair>(setup);
  return *pair_;
}

std::vector<std::string> Cases::migrate_to(const std::string& stream,
                                           const std::vector<std::string>& more) const {
  std::vector<std::string> words{"migrate", pair_->source(), pair_->destination_at(stream),
                                 "--json"};
  if (std::find(more.begin(), more.end(), "--no-profile") == more.end()) {
    words.insert(words.end(), {"--for", "1s"});
  }
  if (std::find(more.begin(), more.end(), "--link") == more.end()) {
    words.insert(words.end(), {"--link", "60MB/s"});
  }
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::vector<std::string> Cases::migrate(const std::vector<std::string>& more) const {
  return migrate_to(pair_->stream(), more);
}

void Cases::expect_runs_only(Side side) {
  const Side other = side == Side::kSource ? Side::kDestination : Side::kSource;
  ASSERT_EQ(pair().state(side), "running");
  EXPECT_NE(pair().state(other), "running");
  EXPECT_TRUE(pair().works_beyond(side, std::max(pair().work(side), pair().work(other))));
  expect_never_two();
}

void Cases::expect_destination_untouched() {
  EXPECT_EQ(pair().state(Side::kDestination), "inmigrate");
  ASSERT_EQ(pair().migration(Side::kDestination), "none");
  expect_as_before(Side::kDestination);
}

void Cases::expect_refused(const Finished& run, const std::string& word, int status) {
  EXPECT_EQ(run.status, status) << run.out << run.err;
  const Json json = run.json();
  const std::string error =
      json.is_object() && json.contains("error") ? json.at("error").dump() : "";
  EXPECT_THAT(lower(error), testing::HasSubstr(lower(word))) << run.out << run.err;
  expect_destination_untouched();
  EXPECT_FALSE(pair().has_migrated(Side::kSource));
  expect_as_before(Side::kSource);
}

void Cases::expect_completed(const Finished& run) {
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const Json outcome = outcome_of(run);
  EXPECT_EQ(outcome.at("status"), "completed");
  EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
  expect_runs_only(Side::kDestination);
  expect_as_before(Side::kSource);
  expect_as_before(Side::kDestination);
}

std::string Cases::make_file(const std::string& name, std::size_t size,
                             const std::string& text) const {
  std::string content;
  while (!text.empty() && content.size() < size) content += text;
  content.resize(size, '\0');
  const std::string path = folder_.file(name);
  std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(size));
  return path;
}

}  // namespace godwit::e2e
