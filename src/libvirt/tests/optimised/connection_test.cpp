// By libvirt's library itself. It is loaded late, and brings functions along (XDR) that sanitizers
// look for when a program starts: what calls them ends it.

#include "godwit/libvirt/connection.h"

#include <gtest/gtest.h>

#include "godwit/libvirt/host.h"

namespace godwit::libvirt {
namespace {

/// A host within libvirt's library itself, on which a domain "test" runs, with the number 1.
constexpr const char* kMadeUp = "test:///default";

class MadeUpHost : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = Connection::open(kMadeUp);
    if (!opened) GTEST_SKIP() << opened.error().message;
    host = std::move(*opened);
  }
  std::shared_ptr<Connection> host;
};

TEST_F(MadeUpHost, ANumberIsADomainsOnlyWhereAPersonTypedIt) {
  EXPECT_TRUE(host->find("test"));
  const auto found = host->find("1");
  ASSERT_FALSE(found) << "it is no name and no UUID";
  EXPECT_EQ(found.error().code, ErrorCode::kNotFound);
  const auto active = active_domain(*host, "1");
  ASSERT_TRUE(active) << active.error().message;
  EXPECT_FALSE(*active) << (*active)->name;

  const auto typed = host->find_as_typed("1");
  ASSERT_TRUE(typed) << typed.error().message;
  EXPECT_EQ(name_of(*host, typed->get()), "test");
  const auto none = host->find_as_typed("2");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace godwit::libvirt
