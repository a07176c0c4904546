#include "godwit/dirtyrate/calc_dirty_rate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "godwit/qmp/testing/fake_qmp_server.h"

namespace godwit::dirtyrate {
namespace {

using qmp::testing::captured;
using qmp::testing::captured_return;
using qmp::testing::QemuVersion;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// By the QAPI schema of 8.2, which is that of 10.0 as well: what is captured of the latter was
/// emulated, where nothing is counted.
Json answer(const char* mode, std::int64_t rate, std::int64_t milliseconds) {
  return Json{{"status", "measured"},
              {"sample-pages", 0},
              {"dirty-rate", rate},
              {"mode", mode},
              {"start-time", 1'795'897'922},
              {"calc-time", milliseconds},
              {"calc-time-unit", "millisecond"}};
}

Json of_rings() {
  Json rings = answer("dirty-ring", 118, 250);
  rings["vcpu-dirty-rate"] =
      Json::array({{{"id", 0}, {"dirty-rate", 100}}, {{"id", 1}, {"dirty-rate", 18}}});
  return rings;
}

// --- what QEMU answers ---

TEST(DirtyRate, OfABitmapIsKnownToOneMiBASecond) {
  EXPECT_EQ(decode_dirty_rate(answer("dirty-bitmap", 40, 500))->value(),
            (DirtyCount{DirtySource::kDirtyBitmap, Seconds(0.5), 20_MiB, 20_MiB + 512_KiB}));
}

TEST(DirtyRate, OfRingsIsRoundedForEachVcpu) {
  EXPECT_EQ(decode_dirty_rate(of_rings())->value(),
            (DirtyCount{DirtySource::kDirtyRing, Seconds(0.25), 29_MiB + 512_KiB, 30_MiB}));
}

TEST(DirtyRate, IsReadAsARealQemuSaysIt) {
  const auto said = [](const char* name) {
    return decode_dirty_rate(captured_return(QemuVersion::k10_0, name));
  };
  EXPECT_FALSE(said("query-dirty-rate.unstarted")->has_value());
  EXPECT_FALSE(said("query-dirty-rate.measuring")->has_value());
  const auto measured = said("query-dirty-rate.measured");
  ASSERT_TRUE(measured && *measured);
  EXPECT_EQ((*measured)->source, DirtySource::kDirtyBitmap);
  EXPECT_GE((*measured)->window, Seconds(0.5));
  EXPECT_EQ((*measured)->least, Bytes()) << "an emulated guest";
}

TEST(DirtyRate, ThatIsNoneIsRefused) {
  const auto code = [](const Json& json) {
    const auto count = decode_dirty_rate(json);
    return count ? "accepted" : std::string(to_string(count.error().code));
  };
  const auto with = [](const char* key, const Json& value) {
    Json json = answer("dirty-bitmap", 40, 500);
    json[key] = value;
    return json;
  };
  EXPECT_EQ(code(answer("dirty-bitmap", 0, 50)), "accepted");
  EXPECT_EQ(code(with("status", "thinking")), "protocol");
  EXPECT_EQ(code(with("dirty-rate", -1)), "protocol");
  EXPECT_EQ(code(with("dirty-rate", std::int64_t{1} << 62)), "protocol");
  EXPECT_EQ(code(with("dirty-rate", "40")), "protocol");
  EXPECT_EQ(code(with("calc-time", 0)), "protocol");
  EXPECT_EQ(code(with("calc-time-unit", "second")), "protocol");
  EXPECT_EQ(code(Json::array()), "protocol");
  EXPECT_EQ(code(Json::object()), "protocol");
  EXPECT_EQ(code(answer("page-sampling", 40, 500)), "busy") << "somebody else's";
}

// --- asking for it ---

/// Answers in turn, and keeps what was asked.
struct Monitor {
  std::deque<Result<Json>> answers;
  std::vector<std::pair<std::string, Json>> asked;

  CalcDirtyRate meter() {
    return CalcDirtyRate([this](std::string_view command, const Json& arguments) -> Result<Json> {
      asked.emplace_back(command, arguments);
      EXPECT_THAT(qmp::testing::check_command(QemuVersion::k10_0, std::string(command), arguments),
                  IsEmpty());
      Result<Json> next = std::move(answers.front());
      answers.pop_front();
      return next;
    });
  }
  void refuse(const char* name) {
    const Json error = captured(QemuVersion::k10_0, name).at("error");
    answers.emplace_back(fail(ErrorCode::kRefused, error.at("desc").get<std::string>()));
  }
  void accept() { answers.emplace_back(Json::object()); }
  [[nodiscard]] std::vector<std::string> modes() const {
    std::vector<std::string> all;
    for (const auto& [command, arguments] : asked) {
      if (command == "calc-dirty-rate") all.push_back(arguments.at("mode").get<std::string>());
    }
    return all;
  }
};

TEST(CalcDirtyRate, CountsByTheBitmapInMilliseconds) {
  Monitor monitor;
  CalcDirtyRate meter = monitor.meter();
  monitor.accept();
  ASSERT_TRUE(meter.begin_count(Seconds(0.125)));
  EXPECT_EQ(
      monitor.asked.back().second,
      (Json{{"calc-time", 125}, {"calc-time-unit", "millisecond"}, {"mode", "dirty-bitmap"}}));
  monitor.answers.emplace_back(captured_return(QemuVersion::k10_0, "query-dirty-rate.measuring"));
  EXPECT_FALSE(meter.dirty_count()->has_value());
  monitor.answers.emplace_back(answer("dirty-bitmap", 8, 126));
  EXPECT_NEAR(meter.dirty_count()->value().window.count(), 0.126, 1e-9);
}

TEST(CalcDirtyRate, CountsByRingsWhereTheVmHasThem) {
  Monitor monitor;
  CalcDirtyRate meter = monitor.meter();
  monitor.answers.emplace_back(
      fail(ErrorCode::kRefused, "mode dirty-bitmap is not enabled, use other method instead."));
  monitor.accept();
  ASSERT_TRUE(meter.begin_count(Seconds(0.25)));
  monitor.answers.emplace_back(of_rings());
  EXPECT_EQ(meter.dirty_count()->value().source, DirtySource::kDirtyRing);
  monitor.accept();
  ASSERT_TRUE(meter.begin_count(Seconds(0.25)));
  EXPECT_THAT(monitor.modes(), ElementsAre("dirty-bitmap", "dirty-ring", "dirty-ring"));
}

TEST(CalcDirtyRate, NeverSamplesPages) {
  Monitor monitor;
  CalcDirtyRate meter = monitor.meter();
  monitor.answers.emplace_back(fail(ErrorCode::kRefused, "mode dirty-bitmap is not enabled"));
  monitor.refuse("error.calc-dirty-rate.mode");
  const auto begun = meter.begin_count(Seconds(0.25));
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::kRefused);
  EXPECT_THAT(monitor.modes(), ElementsAre("dirty-bitmap", "dirty-ring"));
}

TEST(CalcDirtyRate, LeavesItWhereSomebodyElseCounts) {
  Monitor monitor;
  CalcDirtyRate meter = monitor.meter();
  monitor.refuse("error.calc-dirty-rate.busy");
  EXPECT_THAT(meter.begin_count(Seconds(0.25)).error().message, HasSubstr("already"));
  EXPECT_THAT(monitor.modes(), ElementsAre("dirty-bitmap")) << "that is no reason to try rings";
  // or begins to, once ours has ended
  monitor.accept();
  ASSERT_TRUE(meter.begin_count(Seconds(0.25)));
  monitor.answers.emplace_back(answer("dirty-bitmap", 8, 100));
  EXPECT_EQ(meter.dirty_count().error().code, ErrorCode::kBusy) << "shorter than was asked for";
  monitor.answers.emplace_back(of_rings());
  EXPECT_EQ(meter.dirty_count().error().code, ErrorCode::kBusy) << "by another mode";
}

TEST(CalcDirtyRate, IsKnownToQemusThatCountInMilliseconds) {
  const auto known = [](QemuVersion version) {
    return CalcDirtyRate::is_known_to(
        *qmp::Schema::parse(captured_return(version, "query-qmp-schema")));
  };
  EXPECT_TRUE(known(QemuVersion::k10_0));
  EXPECT_FALSE(known(QemuVersion::k7_2)) << "it counts whole seconds";
}

}  // namespace
}  // namespace godwit::dirtyrate
