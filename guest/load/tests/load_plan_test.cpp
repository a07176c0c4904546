#include "godwit/guest/load_plan.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace godwit::guest {
namespace {

LoadPlan parsed(std::string_view text) {
  const ParsedPlan result = parse_load_plan(text);
  EXPECT_TRUE(result.plan) << text << ": " << result.error;
  return result.plan.value_or(LoadPlan{});
}

std::string refusal(std::string_view text) {
  const ParsedPlan result = parse_load_plan(text);
  EXPECT_FALSE(result.plan) << text;
  return result.error;
}

TEST(LoadPlan, ASingleLoadIsAPlan) {
  const LoadPlan plan = parsed("memory-write,set=1MiB,rate=full");
  ASSERT_EQ(plan.tracks.size(), 1U);
  ASSERT_EQ(plan.tracks[0].phases.size(), 1U);
  EXPECT_EQ(plan.tracks[0].phases[0].load.kind, LoadKind::kMemoryWrite);
  EXPECT_FALSE(plan.tracks[0].phases[0].duration_ms);
}

TEST(LoadPlan, PhasesFollowEachOtherAndTracksRunAtOnce) {
  const LoadPlan plan = parsed("cpu@2s;idle@500ms+udp-receive,port=9000+idle@1m;cpu@3s;idle@1s");
  ASSERT_EQ(plan.tracks.size(), 3U);
  ASSERT_EQ(plan.tracks[0].phases.size(), 2U);
  EXPECT_EQ(plan.tracks[0].phases[0].duration_ms, 2000);
  EXPECT_EQ(plan.tracks[0].phases[1].duration_ms, 500);
  EXPECT_EQ(plan.tracks[1].phases[0].load.port, 9000);
  EXPECT_EQ(plan.tracks[2].phases[0].duration_ms, 60'000);
  EXPECT_EQ(plan.loads(), 6U);
}

TEST(LoadPlan, TimesStandWithPhasesAndOnlyThere) {
  EXPECT_NE(refusal("cpu@2s").find("takes no time"), std::string::npos);
  EXPECT_NE(refusal("cpu@2s;idle").find("'idle' has no time"), std::string::npos);
  for (const char* text : {"cpu@;idle@1s", "cpu@2;idle@1s", "cpu@2h;idle@1s", "cpu@9ms;idle@1s",
                           "cpu@61m;idle@1s", "cpu@1.5s;idle@1s", "cpu@2s@2s;idle@1s",
                           "cpu@-1s;idle@1s", "cpu@99999999999999999999s;idle@1s"}) {
    EXPECT_NE(refusal(text).find("is no time"), std::string::npos) << text;
  }
}

TEST(LoadPlan, ErrorsNameThePlace) {
  EXPECT_EQ(refusal("idle+burn").substr(0, 12), "character 6:");
  EXPECT_EQ(refusal("idle+cpu,duty=50%,colour=red").substr(0, 13), "character 19:");
  EXPECT_EQ(refusal("idle@1s;cpu,duty=5@2s").substr(0, 13), "character 18:");
  EXPECT_EQ(refusal("idle@1s;cpu@2x").substr(0, 13), "character 13:");
  EXPECT_EQ(refusal("").substr(0, 12), "character 1:");
}

TEST(LoadPlan, NothingMayBeEmpty) {
  for (const char* text : {"", "+", ";", "@", "idle+", "+idle", "idle++idle", "idle@1s;",
                           ";idle@1s", "idle@1s;;idle@1s", " idle", "idle ", "idle\n"}) {
    EXPECT_FALSE(refusal(text).empty()) << text;
  }
}

TEST(LoadPlan, HoldsSixteenLoads) {
  std::string text = "idle";
  for (int i = 1; i < 16; ++i) text += "+idle";
  EXPECT_EQ(parsed(text).loads(), 16U);
  EXPECT_NE(refusal(text + "+idle").find("at most 16"), std::string::npos);
}

// Any load that can be meant, its other fields as they are by default.
LoadSpec any_load() {
  using rc::gen::elementOf;
  using rc::gen::inRange;
  const auto bytes = [](std::int64_t least, std::int64_t most) {
    return *inRange<std::int64_t>(least, most + 1);
  };
  LoadSpec spec;
  spec.kind = static_cast<LoadKind>(*inRange(0, kLoadKinds));
  spec.fill_bytes = bytes(0, 1LL << 40);
  const bool memory = spec.kind == LoadKind::kMemoryWrite || spec.kind == LoadKind::kMemoryRead;
  const bool disk = spec.kind == LoadKind::kDiskWrite || spec.kind == LoadKind::kDiskRead;
  const bool sends = spec.kind == LoadKind::kTcpSend || spec.kind == LoadKind::kUdpSend;
  if ((memory || spec.kind == LoadKind::kMemoryHeap || disk || sends) &&
      *rc::gen::arbitrary<bool>()) {
    spec.rate_bytes_per_s = bytes(1, 1LL << 40);
  }
  const bool heap = spec.kind == LoadKind::kMemoryHeap;
  if (memory || disk || heap) {
    spec.set_bytes = bytes(kPageBytes, 1LL << 40);
    spec.pattern = *elementOf(
        std::vector<Pattern>{Pattern::kSequential, Pattern::kUniform, Pattern::kHotCold});
  }
  if (heap || spec.kind == LoadKind::kMemoryWrite || spec.kind == LoadKind::kDiskWrite) {
    spec.content =
        *elementOf(std::vector<Content>{Content::kRandom, Content::kCompressible, Content::kZero});
  }
  if (spec.kind == LoadKind::kMemoryWrite) {
    spec.words_per_page = bytes(1, kPageWords);
    spec.silent_percent = bytes(0, 100);
  }
  if (spec.kind == LoadKind::kDiskRead) spec.page_cache = *rc::gen::arbitrary<bool>();
  if (disk || heap) spec.block_bytes = bytes(1, 256) * kPageBytes;
  if (spec.kind == LoadKind::kCpu && *rc::gen::arbitrary<bool>()) spec.duty_percent = bytes(1, 99);
  if (sends) {
    spec.peer_ip = *rc::gen::arbitrary<std::uint32_t>();
    spec.message_bytes = bytes(32, 65'507);
  }
  const bool serves = spec.kind == LoadKind::kTcpReceive || spec.kind == LoadKind::kUdpReceive ||
                      spec.kind == LoadKind::kHttp;
  if (sends || serves) spec.port = bytes(1, 65'535);
  if (spec.kind == LoadKind::kHttp) spec.page_bytes = bytes(1, 1 << 20);
  if (spec.kind == LoadKind::kProgram) {
    spec.program = *elementOf(std::vector<Program>{Program::kRedis, Program::kPostgres,
                                                   Program::kNginx, Program::kCompile});
    spec.clients = bytes(1, 64);
  }
  return spec;
}

LoadPlan any_plan() {
  LoadPlan plan;
  const int tracks = *rc::gen::inRange(1, 5);
  for (int i = 0; i < tracks; ++i) {
    Track track;
    const int phases = *rc::gen::inRange(1, 5);
    for (int j = 0; j < phases; ++j) {
      Phase phase{any_load()};
      if (phases > 1) phase.duration_ms = *rc::gen::inRange<std::int64_t>(10, 3'600'001);
      track.phases.push_back(phase);
    }
    plan.tracks.push_back(track);
  }
  return plan;
}

RC_GTEST_PROP(LoadPlan, PrintedAndParsedItIsTheSame, ()) {
  const LoadPlan plan = any_plan();
  const std::string text = format_load_plan(plan);
  const ParsedPlan back = parse_load_plan(text);
  if (!back.plan) RC_FAIL(text + ": " + back.error);
  RC_ASSERT(*back.plan == plan);
  RC_ASSERT(format_load_plan(*back.plan) == text);
}

// Whatever is done to a spec: it is refused with a reason and a place, or it means something that
// can be printed and read again.
RC_GTEST_PROP(LoadPlan, AChangedSpecIsRefusedOrMeansSomething, ()) {
  std::string text = format_load_plan(any_plan());
  const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
  text.replace(
      at, *rc::gen::inRange<std::size_t>(0, 5),
      *rc::gen::container<std::string>(rc::gen::elementOf(std::string("+;@,=/%:.019sBk"))));
  const ParsedPlan result = parse_load_plan(text);
  RC_ASSERT(result.plan.has_value() == result.error.empty());
  if (!result.plan) return;
  const ParsedPlan again = parse_load_plan(format_load_plan(*result.plan));
  RC_ASSERT(again.plan.has_value());
  RC_ASSERT(*again.plan == *result.plan);
}

}  // namespace
}  // namespace godwit::guest
