#include <gtest/gtest.h>

#include "godwit/domain/hypervisor.h"

namespace godwit {
namespace {

Disk disk(const std::string& device, const std::string& place) {
  Disk one;
  one.device = device;
  one.place = place;
  return one;
}

TEST(Disk, HasItsCounterpartInTheSamePlace) {
  const std::vector<Disk> others{disk("b", "pci 1"), disk("a", "pci 2"), disk("c", "")};
  EXPECT_EQ(counterpart(disk("a", "pci 1"), others), &others[0]);
  EXPECT_EQ(counterpart(disk("b", "pci 3"), others), nullptr);
  EXPECT_EQ(counterpart(disk("c", ""), others), &others[2]) << "names where neither has a place";
  EXPECT_EQ(counterpart(disk("a", ""), others), nullptr);
}

TEST(Receiver, ListensAsAskedOrNotYet) {
  MigrationStatus status;
  EXPECT_TRUE(check_receiver(status, "tcp:10.0.0.2:4444"));
  status.phase = MigrationPhase::kSetup;
  EXPECT_FALSE(check_receiver(status, "tcp:10.0.0.2:4444")) << "it does not say where";
  status.listens_on = {"tcp:0.0.0.0:4444"};
  EXPECT_TRUE(check_receiver(status, "tcp:10.0.0.2:4444"));
  EXPECT_TRUE(check_receiver(status, ""));
  const auto elsewhere = check_receiver(status, "tcp:10.0.0.2:4445");
  ASSERT_FALSE(elsewhere);
  EXPECT_NE(elsewhere.error().message.find("tcp:0.0.0.0:4444"), std::string::npos);
  status.phase = MigrationPhase::kFailed;
  const auto spent = check_receiver(status, "tcp:10.0.0.2:4444");
  ASSERT_FALSE(spent);
  EXPECT_NE(spent.error().what_to_do.text().find("anew"), std::string::npos);
}

}  // namespace
}  // namespace godwit
