#include "godwit/twin/host_pair.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "over_link.h"
#include "source_tree.h"

namespace godwit::twin {
namespace {

std::string number(double value) {
  return fmt::format("{:g}", value);
}
std::string number(Seconds time) {
  return number(time.count());
}
std::string number(Ratio share) {
  return number(share.value());
}
std::string number(Bytes size) {
  return std::to_string(size.count());
}
template <class T>
std::string number(const Interval<T>& i) {
  return fmt::format("{} ({}, {})", number(i.p50), number(i.p05), number(i.p95));
}

/// Name and value of each constant, as the table has them. Bound to all of the struct's members:
/// one that is added or taken away does not compile until it stands here.
std::vector<std::pair<std::string, std::string>> constants() {
  const auto& [overhead, device_state, resume, client, rate, rate_error, stream_error, window,
               sender_queue, zero_page_scan, brownout, queued_by_multifd, queued_by_zlib,
               queued_by_postcopy, postcopy_stop, postcopy_resume, postcopy_ahead, faults_at_once,
               faults_after_pass, preempt_faults, fault_cost, still_waits, processors,
               compressing_speed, coding_error, zlib_stream, zstd_stream, cpu_per_second,
               cpu_per_gigabyte, cpu_error] = HostPairConstants();
  return {{"overhead", number(overhead)},
          {"device_state", number(device_state)},
          {"resume", number(resume)},
          {"client", number(client)},
          {"rate", number(rate)},
          {"rate_error", number(rate_error)},
          {"stream_error", number(stream_error)},
          {"window", number(window)},
          {"sender_queue", number(sender_queue)},
          {"zero_page_scan", number(zero_page_scan)},
          {"brownout", number(brownout)},
          {"queued_by_multifd", number(queued_by_multifd)},
          {"queued_by_zlib", number(queued_by_zlib)},
          {"queued_by_postcopy", number(queued_by_postcopy)},
          {"postcopy_stop", number(postcopy_stop)},
          {"postcopy_resume", number(postcopy_resume)},
          {"postcopy_ahead", number(postcopy_ahead)},
          {"faults_at_once", number(faults_at_once)},
          {"faults_after_pass", number(faults_after_pass)},
          {"preempt_faults", number(preempt_faults)},
          {"fault_cost", number(fault_cost)},
          {"still_waits", number(still_waits)},
          {"processors", number(processors)},
          {"compressing_speed", number(compressing_speed)},
          {"coding_error", number(coding_error)},
          {"zlib_stream", number(zlib_stream)},
          {"zstd_stream", number(zstd_stream)},
          {"cpu_per_second", number(cpu_per_second)},
          {"cpu_per_gigabyte", number(cpu_per_gigabyte)},
          {"cpu_error", number(cpu_error)}};
}

TEST(TheTableOfConstants, IsThatOfTheCode) {
  std::ifstream file(in_source_tree("docs/research/host-pair.md"));
  const std::string text(std::istreambuf_iterator<char>(file), {});
  std::size_t rows = 0;
  for (std::size_t at = 0; (at = text.find("\n| `", at)) != std::string::npos; ++at) ++rows;
  EXPECT_EQ(rows, constants().size());
  for (const auto& [name, value] : constants()) {
    const std::string row = fmt::format("\n| `{}` | {} |", name, value);
    EXPECT_NE(text.find(row), std::string::npos) << "there is no row that begins with" << row;
  }
}

TEST(HostPairConstants, ARoundTripComesOnTop) {
  const HostPairConstants near;
  const HostPairConstants far = over(near, {BytesPerSecond(5e6), Seconds(0.1)});
  EXPECT_DOUBLE_EQ((far.overhead.p50 - near.overhead.p50).count(), 0.2);
  EXPECT_DOUBLE_EQ((far.overhead.p95 - near.overhead.p95).count(), 0.2);
  EXPECT_DOUBLE_EQ((far.resume.p50 - near.resume.p50).count(), 0.05);
  EXPECT_DOUBLE_EQ((far.client.p05 - near.client.p05).count(), 0.05);
  EXPECT_DOUBLE_EQ((far.postcopy_resume.p50 - near.postcopy_resume.p50).count(), 0.05);
  EXPECT_DOUBLE_EQ((far.fault_cost - near.fault_cost).count(), 0.1);
  EXPECT_EQ(over(near, {BytesPerSecond(5e6), {}}).overhead.p50, near.overhead.p50);
}

}  // namespace
}  // namespace godwit::twin
