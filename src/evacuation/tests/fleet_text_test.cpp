#include "fleet_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace godwit::evacuation {
namespace {

using testing::HasSubstr;

fleet::HourCost hour(int number, Seconds finish) {
  return {number, 2, {finish, finish, finish}};
}

TEST(HoursText, SaysTheCheapestHourOrThatItIsNotKnown) {
  EXPECT_THAT(hours_text({hour(3, Seconds(240)), hour(15, Seconds(700))}, Seconds(660)),
              HasSubstr("of the 2 hours of the day seen so far, 03:00 would be the cheapest: "
                        "4 min 0 s instead of 11 min 0 s"));
  EXPECT_THAT(hours_text({hour(3, Seconds(640)), hour(15, Seconds(700))}, Seconds(660)),
              HasSubstr("none would be much cheaper"));
  EXPECT_THAT(hours_text({hour(3, Seconds(1))}, Seconds(660)), HasSubstr("not known yet"));
  EXPECT_EQ(to_json(std::vector{hour(3, Seconds(240))})[0].at("finish_s").at("p50"), 240.0);
}

TEST(PlanJson, HasWhenAMovesShareOfTheLinksIsFreeAgain) {
  fleet::FleetPlan plan;
  plan.moves.emplace_back();
  plan.moves[0].start = Seconds(4);
  plan.moves[0].end = Seconds(9);
  const Json move = to_json(plan).at("moves").at(0);
  EXPECT_EQ(move.at("start_s"), 4.0);
  EXPECT_EQ(move.at("end_s"), 9.0);
}

}  // namespace
}  // namespace godwit::evacuation
