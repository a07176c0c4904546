#include <cstddef>
#include <cstdint>
#include <string_view>

#include "godwit/base/contract.h"
#include "godwit/lab/guest_report.h"

/// A guest writes both files: nothing in them may bring the host's side down.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(static_cast<const char*>(static_cast<const void*>(data)), size);
  godwit::lab::LineFollower lines;
  lines.feed(text, [](std::string_view line) {
    const auto report = godwit::lab::parse_report_line(line);
    if (report && (report->work < 0 || report->clock.count() < 0)) {
      godwit::contract_failure("a report with a negative count");
    }
    (void)godwit::lab::kernel_complaint(line);
  });
  return 0;
}
