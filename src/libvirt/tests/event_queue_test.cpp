#include "godwit/libvirt/event_queue.h"

#include <gtest/gtest.h>

#include <thread>

namespace godwit::libvirt {
namespace {

TEST(EventQueue, GivesWhatAnotherThreadToldInOrder) {
  RealClock clock;
  EventQueue queue;
  std::thread daemon([&queue] {
    for (const int pass : {1, 2, 3}) {
      DomainEvent event{.kind = DomainEvent::Kind::kPass};
      event.pass = pass;
      queue.push(std::move(event));
    }
  });
  for (const int pass : {1, 2, 3}) {
    const auto event = queue.next(clock, clock.now() + Seconds(60));
    ASSERT_TRUE(event);
    EXPECT_EQ(event->pass, pass);
    EXPECT_GT(event->wall_us, 0);
  }
  daemon.join();
}

TEST(EventQueue, IsWokenWithoutAnEvent) {
  RealClock clock;
  EventQueue queue;
  std::thread other([&queue] { queue.wake(); });
  EXPECT_FALSE(queue.next(clock, clock.now() + Seconds(60)));
  other.join();
  EXPECT_FALSE(queue.next(clock, clock.now())) << "the deadline has passed";
}

}  // namespace
}  // namespace godwit::libvirt
