#include "state.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace godwit::lab {
namespace {

LabRecord sample() {
  LabRecord record;
  record.spec.hosts = {"a", "b", "c"};
  record.complete = true;
  record.boot = "5a1e";
  record.guests.push_back({GuestSpec{}, 3, "tcg", "/usr/share/godwit/guest", {"c", "a"}});
  return record;
}

TEST(LabRecord, ComesBackAsItWas) {
  auto back = decode(encode(sample()));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(sample(), *back);
}

TEST(LabRecord, KeepsItsDrives) {
  LabRecord record = sample();
  record.guests[0].spec.programs = true;
  record.guests[0].spec.disk = Bytes(64LL << 20);
  record.guests[0].spec.own_disks = true;
  auto back = decode(encode(record));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(record, *back);
}

TEST(LabRecord, KeepsItsRoundTrip) {
  LabRecord record = sample();
  record.spec.round_trip = Seconds(0.005);
  auto back = decode(encode(record));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(record, *back);
}

RC_GTEST_PROP(LabRecord, TornOrChangedTextGivesAnErrorOrAValidRecord, ()) {
  std::string text = encode(sample());
  const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
  if (*rc::gen::arbitrary<bool>()) {
    text.resize(at);
  } else {
    text[at] = *rc::gen::arbitrary<char>();
  }
  const auto record = decode(text);
  if (!record) {
    RC_ASSERT(record.error().code == ErrorCode::kCorrupt);
    return;
  }
  RC_ASSERT(validate(record->spec).has_value());
  for (const GuestRecord& guest : record->guests) RC_ASSERT(validate(guest.spec).has_value());
}

/// Paths are made of these: a record must not lead out of the lab's folder.
TEST(LabRecord, NamesThatLeadElsewhereAreRefused) {
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"\"guest\"", "\"../../etc\""},
                                                        {"\"b\"", "\"b/..\""},
                                                        {"\"c\",\n        \"a\"", "\"z\""},
                                                        {"\"index\": 3", "\"index\": 100"},
                                                        {"\"index\": 3", "\"index\": -1"}}) {
    std::string text = encode(sample());
    const std::size_t at = text.find(from);
    ASSERT_NE(std::string::npos, at) << from << text;
    text.replace(at, from.size(), to);
    EXPECT_FALSE(decode(text)) << to;
  }
}

}  // namespace
}  // namespace godwit::lab
