#include "godwit/steer/laws.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "views.h"

namespace godwit::steer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::unique_ptr<Law> law(std::string_view name) {
  auto made = law_by_name(name);
  EXPECT_TRUE(made) << name;
  return std::move(*made);
}

double ms(const Order& order) {
  return order.downtime_limit ? Milliseconds(*order.downtime_limit).count() : -1;
}

/// Downtime limits, in ms, that a law sets as iteration follows iteration, until it wants the end.
struct Schedule {
  std::vector<double> limits;
  Order last;
};
Schedule schedule_of(const std::string& name, bool may_postcopy) {
  const auto one = law(name);
  Seen seen;
  seen.may_postcopy = may_postcopy;
  one->shape(seen.plan);
  Schedule schedule{{Milliseconds(*seen.plan.parameters.downtime_limit).count()}, {}};
  for (int i = 0; i < 20; ++i) {
    const Order order = seen.obey(one->at_look(seen.view()));
    if (order.downtime_limit) schedule.limits.push_back(ms(order));
    if (order.give_up || order.switch_to_postcopy) {
      schedule.last = order;
      break;
    }
    ++seen.passes;
  }
  return schedule;
}

TEST(Laws, EachIsFoundByItsNameAndNoOther) {
  for (const LawName& one : law_names()) {
    const bool needs_a_profile = one.name == "godwit";
    EXPECT_EQ(law(one.name)->name(), needs_a_profile ? "none" : one.name);
  }
  const auto none = law_by_name("wishful");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kBadInput);
  EXPECT_THAT(none.error().what_to_do, HasSubstr("kubevirt-stall"));
}

TEST(Laws, NoneOrdersNothing) {
  const auto none = law("none");
  Seen seen;
  seen.may_postcopy = true;
  for (int i = 0; i < 10; ++i) {
    seen.round(Seconds(1), 40_MB_per_s, 100_MB_per_s);
    EXPECT_FALSE(none->after_round(seen.view()).wants_something());
    EXPECT_FALSE(none->at_look(seen.view()).wants_something());
  }
}

TEST(Laws, OVirtsSchedules) {
  const Schedule least = schedule_of("ovirt-minimal-downtime", true);
  EXPECT_THAT(least.limits, ElementsAre(100, 150, 200, 300, 400, 500));
  EXPECT_TRUE(least.last.give_up) << "this schedule never uses post-copy";
  EXPECT_THAT(schedule_of("ovirt-suspend", false).limits,
              ElementsAre(100, 150, 200, 300, 400, 500, 5000));
  const Schedule postcopy = schedule_of("ovirt-post-copy", true);
  EXPECT_THAT(postcopy.limits, ElementsAre(100, 150, 200));
  EXPECT_TRUE(postcopy.last.switch_to_postcopy);
  EXPECT_TRUE(schedule_of("ovirt-post-copy", false).last.give_up) << "it is not permitted";
  EXPECT_THAT(schedule_of("ovirt-very-large", false).limits,
              ElementsAre(300, 400, 500, 700, 1000, 1500, 5000));
}

TEST(Laws, OVirtCountsIterationsFromTheFirstItSees) {
  const auto one = law("ovirt-minimal-downtime");
  Seen seen;
  seen.passes = 40;
  EXPECT_FALSE(one->at_look(seen.view()).wants_something());
  ++seen.passes;
  EXPECT_EQ(ms(one->at_look(seen.view())), 150);
}

TEST(Laws, NovaTakesAStepEach75SecondsPerGib) {
  const auto nova = law("nova");
  Seen seen;  // 8 GiB: a step each 600 s, the end after 6400
  nova->shape(seen.plan);
  EXPECT_EQ(seen.plan.parameters.downtime_limit, Seconds(0.05));
  seen.elapsed = Seconds(599);
  EXPECT_FALSE(nova->at_look(seen.view()).wants_something());
  seen.elapsed = Seconds(601);
  EXPECT_NEAR(ms(nova->at_look(seen.view())), 95, 1e-9);
  seen.elapsed = Seconds(6001);
  EXPECT_NEAR(ms(nova->at_look(seen.view())), 500, 1e-9);
  seen.elapsed = Seconds(6401);
  EXPECT_TRUE(nova->at_look(seen.view()).give_up);
  seen.may_postcopy = true;
  EXPECT_TRUE(nova->at_look(seen.view()).switch_to_postcopy);
}

TEST(Laws, NovaTakesASmallGuestForTwoGib) {
  const auto nova = law("nova");
  Seen seen;
  seen.session.status.total = 512_MiB;
  seen.elapsed = Seconds(149);
  EXPECT_FALSE(nova->at_look(seen.view()).wants_something());
  seen.elapsed = Seconds(151);
  EXPECT_NEAR(ms(nova->at_look(seen.view())), 95, 1e-9);
}

TEST(Laws, ProxmoxDoublesAtTheSixthLookAtWhichMoreIsLeft) {
  const auto proxmox = law("proxmox");
  Seen seen;
  proxmox->shape(seen.plan);
  seen.limits.downtime_limit = Seconds(0.1);
  std::vector<double> limits;
  for (int second = 0; second < 14; ++second) {
    seen.elapsed = Seconds(second);
    seen.session.status.remaining = 1_MiB * (100 + second);  // always more
    const Order order = seen.obey(proxmox->at_look(seen.view()));
    if (order.downtime_limit) limits.push_back(ms(order));
  }
  EXPECT_THAT(limits, ElementsAre(200, 400)) << "the looks at 6 and at 12 s";
  seen.limits.downtime_limit = Seconds(1500);
  for (int second = 14; second < 21; ++second) {
    seen.elapsed = Seconds(second);
    seen.session.status.remaining = Bytes();  // counts as well
    (void)seen.obey(proxmox->at_look(seen.view()));
  }
  EXPECT_EQ(seen.limits.downtime_limit, Seconds(2000)) << "QEMU takes no more";
}

TEST(Laws, ProxmoxLooksOnceASecondAndIsPatientWhileLessIsLeft) {
  const auto proxmox = law("proxmox");
  Seen seen;
  for (int look = 0; look < 400; ++look) {
    seen.elapsed = Seconds(look * 0.05);
    seen.session.status.remaining = 1_MiB * (1000 - look);
    EXPECT_FALSE(proxmox->at_look(seen.view()).wants_something());
  }
}

TEST(Laws, KubevirtWaits150SecondsPerGib) {
  for (const bool may_postcopy : {true, false}) {
    const auto one = law("kubevirt-legacy");
    Seen seen;
    seen.may_postcopy = may_postcopy;
    seen.session.status.total = 1_GiB;
    seen.session.status.remaining = 1_GiB;
    (void)one->at_look(seen.view());
    seen.elapsed = Seconds(140);
    seen.session.status.remaining = 900_MiB;
    EXPECT_FALSE(one->at_look(seen.view()).wants_something());
    seen.elapsed = Seconds(151);
    const Order order = one->at_look(seen.view());
    EXPECT_EQ(order.switch_to_postcopy, may_postcopy);
    EXPECT_EQ(order.downtime_limit.has_value(), !may_postcopy) << "no promise stands against it";
  }
  const auto promised = law("kubevirt-legacy");
  Seen seen;
  seen.session.status.total = 1_GiB;
  seen.plan.intent.max_downtime = Seconds(0.3);
  (void)promised->at_look(seen.view());
  seen.elapsed = Seconds(151);
  EXPECT_TRUE(promised->at_look(seen.view()).give_up);
}

/// Looks each 50 ms for `seconds`, with what is left falling from `high` to `low` in each round.
Order saw(Law& one, Seen& seen, double seconds, Bytes high, Bytes low) {
  constexpr double kRound = 10;
  const double until = seen.elapsed.count() + seconds;
  Order order;
  while (seen.elapsed.count() < until && !order.wants_something()) {
    seen.elapsed += Seconds(0.05);
    const double in_round = std::fmod(seen.elapsed.count(), kRound) / kRound;
    const Bytes left = high - (high - low) * Ratio(in_round);
    seen.session.status.remaining = left;
    seen.session.status.transferred = *seen.session.status.transferred + 2_MiB;
    if (in_round < 0.05 / kRound) {
      RoundRecord round;
      round.left = high;
      seen.rounds.push_back(round);
      (void)one.after_round(seen.view());
    }
    order = one.at_look(seen.view());
  }
  return order;
}

TEST(Laws, KubevirtsStallDetectorActsAtALowOnceItHasStalled) {
  const auto one = law("kubevirt-stall");
  Seen seen;
  EXPECT_FALSE(saw(*one, seen, 39, 2_GiB, 1_GiB).wants_something()) << "records are young yet";
  const Order order = saw(*one, seen, 60, 2_GiB, 1_GiB);
  EXPECT_TRUE(order.downtime_limit) << "nothing promised, post-copy not allowed";
  EXPECT_EQ(order.downtime_limit, Seconds(2000));
}

TEST(Laws, KubevirtsStallDetectorWithAPromiseSwitchesWithin900MsOrEnds) {
  const auto much = law("kubevirt-stall");
  Seen seen;
  seen.plan.intent.max_downtime = Seconds(0.3);
  EXPECT_TRUE(saw(*much, seen, 200, 2_GiB, 1_GiB).give_up);

  const auto little = law("kubevirt-stall");
  Seen near;
  near.plan.intent.max_downtime = Seconds(0.3);
  const Order order = saw(*little, near, 200, 20_MiB, 4_MiB);
  EXPECT_EQ(order.downtime_limit, Seconds(0.9));
  EXPECT_TRUE(saw(*little, near, 61, 20_MiB, 4_MiB).give_up) << "a minute later";
}

TEST(Laws, KubevirtsStallDetectorTakesPostcopyWhereItMay) {
  const auto one = law("kubevirt-stall");
  Seen seen;
  seen.may_postcopy = true;
  EXPECT_TRUE(saw(*one, seen, 200, 2_GiB, 1_GiB).switch_to_postcopy);
}

TEST(Laws, KubevirtsRampGoesFrom150To1050MsInSevenSteps) {
  const auto ramp = law("kubevirt-ramp");
  Seen seen;
  ramp->shape(seen.plan);
  EXPECT_EQ(seen.plan.parameters.downtime_limit, Seconds(0.15));
  std::vector<double> limits;
  for (int i = 0; i < 14; ++i) {
    seen.round(Seconds(10.1), 100_MB_per_s, 80_MB_per_s);
    const Order order = ramp->at_look(seen.view());
    if (order.downtime_limit) limits.push_back(std::round(ms(order)));
  }
  EXPECT_THAT(limits, ElementsAre(279, 407, 536, 664, 793, 921, 1050));
}

TEST(Laws, TheRampWaitsTenSecondsFromTheThirdIterationAndBetweenSteps) {
  const auto ramp = law("kubevirt-ramp");
  Seen seen;
  seen.round(Seconds(70), 100_MB_per_s, 80_MB_per_s);
  EXPECT_FALSE(ramp->at_look(seen.view()).wants_something()) << "the second";
  std::vector<double> steps;
  for (int i = 0; i < 100; ++i) {
    seen.round(Seconds(0.5), 100_MB_per_s, 80_MB_per_s);
    if (ramp->at_look(seen.view()).wants_something()) steps.push_back(seen.elapsed.count());
  }
  EXPECT_THAT(steps, ElementsAre(80.5, 90.5, 100.5, 110.5)) << "the third began at 70.5 s";
}

TEST(Laws, JinsRuleVerbatim) {
  const auto jin = law("jin");
  Seen seen;
  seen.round(Seconds(1), 50_MB_per_s, 100_MB_per_s);
  EXPECT_NEAR(seen.obey(jin->after_round(seen.view())).cpu_quota->value(), 0.4, 1e-6)
      << "C B e / p = 0.8 * 50 * 1 / 100";
  seen.round(Seconds(1), 50_MB_per_s, 100_MB_per_s);
  EXPECT_NEAR(seen.obey(jin->after_round(seen.view())).cpu_quota->value(), 0.2, 1e-6)
      << "0.16 is below the floor";
  seen.round(Seconds(1), 50_MB_per_s, 2_MB_per_s);
  EXPECT_NEAR(seen.obey(jin->after_round(seen.view())).cpu_quota->value(), 1, 1e-6);
}

TEST(Laws, JinTakesAnotherC) {
  const auto jin = law("jin,c=0.6");
  EXPECT_EQ(quota_use_of("jin,c=0.6"), QuotaUse::kMust);
  Seen seen;
  seen.round(Seconds(1), 50_MB_per_s, 100_MB_per_s);
  EXPECT_NEAR(seen.obey(jin->after_round(seen.view())).cpu_quota->value(), 0.3, 1e-6);
  for (const char* wrong :
       {"jin,", "jin,c=", "jin,c=0", "jin,c=1.1", "jin,c=0.6x", "jin,c=nan", "jin,d=0.6"}) {
    const auto refused = law_by_name(wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, ErrorCode::kBadInput);
    EXPECT_THAT(refused.error().what_to_do, HasSubstr("jin,c=0.6"));
  }
  EXPECT_FALSE(law_by_name("nova,c=0.6")) << "it has none";
}

TEST(Laws, SdpsSlowsUntilLessIsDirtiedThanSent) {
  const auto sdps = law("sdps");
  Seen seen;
  seen.round(Seconds(1), 50_MB_per_s, 40_MB_per_s);
  EXPECT_FALSE(sdps->after_round(seen.view()).wants_something());
  seen.round(Seconds(1), 50_MB_per_s, 200_MB_per_s);
  EXPECT_NEAR(seen.obey(sdps->after_round(seen.view())).cpu_quota->value(), 0.25, 1e-6);
  seen.round(Seconds(1), 50_MB_per_s, 100_MB_per_s);
  EXPECT_NEAR(seen.obey(sdps->after_round(seen.view())).cpu_quota->value(), 0.125, 1e-6);
}

TEST(Laws, CloudHypervisorWaitsForAnHour) {
  const auto one = law("cloud-hypervisor");
  Seen seen;
  seen.elapsed = Seconds(3599);
  EXPECT_FALSE(one->at_look(seen.view()).wants_something());
  seen.elapsed = Seconds(3601);
  EXPECT_TRUE(one->at_look(seen.view()).give_up);
}

}  // namespace
}  // namespace godwit::steer
