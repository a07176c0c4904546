#include "godwit/domain/address.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace godwit {
namespace {

TEST(Address, ReadsTheFormsOfTheContract) {
  EXPECT_EQ(std::get<LabVm>(*parse_vm("lab:guest")).name, "guest");
  EXPECT_EQ(std::get<QmpVm>(*parse_vm("qmp:/p/src.qmp")).socket, "/p/src.qmp");
  EXPECT_EQ(std::get<LabHost>(*parse_destination("lab:b")).name, "b");
  const auto qmp =
      std::get<QmpDestination>(*parse_destination("qmp:/p/d@ta.qmp@tcp:127.0.0.1:4444"));
  EXPECT_EQ(qmp.socket, "/p/d@ta.qmp");
  EXPECT_EQ(qmp.stream, "tcp:127.0.0.1:4444");
  EXPECT_TRUE(parse_destination("qmp:/p@tcp:[::1]:4444"));
}

class BadVm : public testing::TestWithParam<const char*> {};
TEST_P(BadVm, IsRefusedWithTheRightForm) {
  const auto address = parse_vm(GetParam());
  ASSERT_FALSE(address);
  EXPECT_EQ(address.error().code, ErrorCode::kBadInput);
  EXPECT_NE(address.error().what_to_do.find("qmp:"), std::string::npos);
}
INSTANTIATE_TEST_SUITE_P(All, BadVm,
                         testing::Values("", "guest", "lab:", "lab:../x", "lab:a b", "qmp:", "labx",
                                         "lab:-rf", "ssh:host"));

class BadDestination : public testing::TestWithParam<const char*> {};
TEST_P(BadDestination, IsRefusedWithTheRightForm) {
  const auto address = parse_destination(GetParam());
  ASSERT_FALSE(address);
  EXPECT_EQ(address.error().code, ErrorCode::kBadInput);
}
INSTANTIATE_TEST_SUITE_P(All, BadDestination,
                         testing::Values("", "lab:", "qmp:/p", "qmp:/p@", "qmp:@tcp:h:1",
                                         "qmp:/p@tcp:h", "qmp:/p@tcp:h:0", "qmp:/p@tcp:h:99999",
                                         "qmp:/p@exec:rm", "qmp:/p@tcp::1", "qmp:/p@tcp:h:1x"));

RC_GTEST_PROP(Address, TextAndValueAgree, (const std::string& text)) {
  if (const auto vm = parse_vm(text)) RC_ASSERT(to_string(*vm) == text);
  if (const auto destination = parse_destination(text)) RC_ASSERT(to_string(*destination) == text);
}

}  // namespace
}  // namespace godwit
