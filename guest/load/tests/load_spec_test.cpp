#include "godwit/guest/load_spec.h"

#include <gtest/gtest.h>

namespace godwit::guest {
namespace {

LoadSpec parsed(std::string_view text) {
  const ParsedLoad result = parse_load_spec(text);
  EXPECT_TRUE(result.spec) << text << ": " << result.error;
  return result.spec.value_or(LoadSpec{});
}

std::string refusal(std::string_view text) {
  const ParsedLoad result = parse_load_spec(text);
  EXPECT_FALSE(result.spec) << text;
  return result.error;
}

TEST(LoadSpec, ReadsEveryKey) {
  const LoadSpec spec = parsed(
      "memory-write,set=64MiB,rate=10MB/s,pattern=hot-cold,content=compressible,words=8,fill=1kB");
  EXPECT_EQ(spec.kind, LoadKind::kMemoryWrite);
  EXPECT_EQ(spec.set_bytes, 64 * 1024 * 1024);
  EXPECT_EQ(spec.rate_bytes_per_s, 10'000'000);
  EXPECT_EQ(spec.pattern, Pattern::kHotCold);
  EXPECT_EQ(spec.content, Content::kCompressible);
  EXPECT_EQ(spec.words_per_page, 8);
  EXPECT_EQ(spec.fill_bytes, 1000);
}

TEST(LoadSpec, HasDefaults) {
  const LoadSpec spec = parsed("memory-write,rate=full,set=4096B");
  EXPECT_FALSE(spec.rate_bytes_per_s);
  EXPECT_EQ(spec.pattern, Pattern::kUniform);
  EXPECT_EQ(spec.content, Content::kRandom);
  EXPECT_EQ(spec.words_per_page, kPageWords);
  EXPECT_EQ(spec.fill_bytes, 0);
}

TEST(LoadSpec, IdleTakesOnlyFill) {
  EXPECT_EQ(parsed("idle").kind, LoadKind::kIdle);
  EXPECT_EQ(parsed("idle,fill=2GiB").fill_bytes, 2LL << 30);
  EXPECT_NE(refusal("idle,set=1MiB").find("'set'"), std::string::npos);
}

TEST(LoadSpec, KeepsDecimalAndBinaryApart) {
  EXPECT_EQ(parsed("idle,fill=1MB").fill_bytes, 1'000'000);
  EXPECT_EQ(parsed("idle,fill=1MiB").fill_bytes, 1'048'576);
  EXPECT_EQ(parsed("idle,fill=1.5KiB").fill_bytes, 1536);
  EXPECT_EQ(parsed("idle,fill=0.25GB").fill_bytes, 250'000'000);
}

TEST(LoadSpec, RefusesABareNumberAndSaysWhy) {
  EXPECT_NE(refusal("memory-write,set=64,rate=full").find("has no unit"), std::string::npos);
  EXPECT_NE(refusal("memory-write,set=1MiB,rate=10").find("10MB/s"), std::string::npos);
  EXPECT_NE(refusal("memory-write,set=1MiB,rate=10/s").find("has no unit"), std::string::npos);
  EXPECT_NE(refusal("memory-write,set=1MiB,rate=10MB").find("no rate"), std::string::npos);
}

TEST(LoadSpec, ReadsTheOtherKinds) {
  EXPECT_FALSE(parsed("cpu").duty_percent);
  EXPECT_FALSE(parsed("cpu,duty=full").duty_percent);
  EXPECT_EQ(parsed("cpu,duty=30%").duty_percent, 30);
  EXPECT_EQ(parsed("memory-read,set=1MiB,rate=full,pattern=sequential").pattern,
            Pattern::kSequential);
  const LoadSpec write = parsed("disk-write,set=8MiB,rate=1MB/s,block=4KiB,content=zero");
  EXPECT_EQ(write.block_bytes, 4096);
  EXPECT_EQ(write.content, Content::kZero);
  EXPECT_TRUE(parsed("disk-read,set=8MiB,rate=1MB/s").page_cache);
  EXPECT_FALSE(parsed("disk-read,set=8MiB,rate=1MB/s,cache=none").page_cache);
  const LoadSpec send = parsed("tcp-send,peer=10.77.0.1:9000,rate=1MB/s,size=256B");
  EXPECT_EQ(send.peer_ip, 0x0a4d0001U);
  EXPECT_EQ(send.port, 9000);
  EXPECT_EQ(send.message_bytes, 256);
  EXPECT_EQ(parsed("udp-receive,port=9001").port, 9001);
  EXPECT_EQ(parsed("http,port=80,page=16KiB").page_bytes, 16'384);
  const LoadSpec program = parsed("program,name=postgres,clients=64");
  EXPECT_EQ(program.program, Program::kPostgres);
  EXPECT_EQ(program.clients, 64);
  EXPECT_EQ(parsed("program,name=redis").clients, 4);
}

TEST(LoadSpec, EachKindTakesItsOwnKeysOnly) {
  EXPECT_EQ(refusal("cpu,set=1MiB"), "character 5: cpu has no key 'set': duty or fill");
  EXPECT_NE(refusal("disk-write,set=1MiB,rate=full,cache=none").find("'cache'"), std::string::npos);
  EXPECT_NE(refusal("tcp-send,rate=1MB/s").find("needs peer"), std::string::npos);
  EXPECT_NE(refusal("http").find("needs port"), std::string::npos);
  EXPECT_EQ(refusal("program"), "character 1: program needs name, for example name=redis");
  EXPECT_EQ(refusal("program,name=emacs"),
            "character 14: unknown name 'emacs': redis, postgres, nginx or compile");
}

TEST(LoadSpec, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"",
                           "burn",
                           "memory-write",
                           "memory-write,set=1MiB",
                           "memory-write,rate=full",
                           "memory-write,set=1MiB,rate=full,colour=red",
                           "memory-write,set=1MiB,rate=full,set=1MiB",
                           "memory-write,set=1MiB,rate=full,",
                           "memory-write,set=1MiB,rate=0MB/s",
                           "memory-write,set=4095B,rate=full",
                           "memory-write,set=,rate=full",
                           "memory-write,set=MiB,rate=full",
                           "memory-write,set=-1MiB,rate=full",
                           "memory-write,set=1.2.3MiB,rate=full",
                           "memory-write,set=1.MiB,rate=full",
                           "memory-write,set=1mb,rate=full",
                           "memory-write,set=1Mbit,rate=full",
                           "memory-write,set=999999999999999GiB,rate=full",
                           "memory-write,set=9999999999999999B,rate=full",
                           "memory-write,set=1MiB,rate=full,words=0",
                           "memory-write,set=1MiB,rate=full,words=513",
                           "memory-write,set=1MiB,rate=full,words=8B",
                           "memory-write,set=1MiB,rate=full,pattern=zipf",
                           "memory-write,set=1MiB,rate=full,content=text",
                           "cpu,duty=0%",
                           "cpu,duty=101%",
                           "cpu,duty=50",
                           "cpu,full",
                           "disk-write,set=1MiB,rate=full,block=5kB",
                           "disk-write,set=1MiB,rate=full,block=0B",
                           "disk-write,set=1MiB,rate=full,block=2MiB",
                           "disk-read,set=1MiB,rate=full,cache=some",
                           "tcp-send,peer=10.77.0.1,rate=full",
                           "tcp-send,peer=10.77.0:80,rate=full",
                           "tcp-send,peer=10.77.0.256:80,rate=full",
                           "tcp-send,peer=10.77.0.01:80,rate=full",
                           "tcp-send,peer=host:80,rate=full",
                           "tcp-send,peer=10.77.0.1:0,rate=full",
                           "udp-send,peer=10.77.0.1:65536,rate=full",
                           "udp-send,peer=10.77.0.1:80,rate=full,size=31B",
                           "udp-send,peer=10.77.0.1:80,rate=full,size=65508B",
                           "http,port=80,page=0B",
                           "program,clients=4",
                           "program,name=",
                           "program,name=../redis",
                           "program,name=redis,name=nginx",
                           "program,name=redis,clients=0",
                           "program,name=redis,clients=65",
                           "program,name=redis,clients=4B",
                           "program,name=redis,rate=full",
                           "memory-write, set=1MiB,rate=full"}) {
    EXPECT_FALSE(refusal(text).empty()) << text;
  }
}

TEST(LoadSpec, CountsWholePages) {
  EXPECT_EQ(pages_for(0), 0);
  EXPECT_EQ(pages_for(1), 1);
  EXPECT_EQ(pages_for(4096), 1);
  EXPECT_EQ(pages_for(4097), 2);
}

}  // namespace
}  // namespace godwit::guest
