#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "godwit/guest/control.h"
#include "godwit/guest/load_plan.h"

/// Whoever reaches the guest's control port may send anything: it is a command or an error of one
/// line, and what was understood can be printed and understood again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using godwit::guest::ControlCommand;
  std::string bytes(static_cast<const char*>(static_cast<const void*>(data)), size);
  godwit::guest::ControlReader reader;
  for (;;) {
    const ControlCommand command = reader.next(bytes);
    if (command.kind == ControlCommand::Kind::kNone) return 0;
    if (command.error.find('\n') != std::string::npos) std::abort();
    if (command.kind != ControlCommand::Kind::kLoad) continue;
    const std::string text = godwit::guest::format_load_plan(command.plan);
    const auto again = godwit::guest::parse_load_plan(text);
    if (!again.plan || *again.plan != command.plan) std::abort();
  }
}
