#include "godwit/guest/control.h"

#include <algorithm>
#include <utility>

namespace godwit::guest {
namespace {

ControlCommand bad(std::string error) {
  return {ControlCommand::Kind::kBad, {}, std::move(error)};
}

}  // namespace

ControlCommand parse_control_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  const auto odd = std::ranges::find_if(line, [](char c) { return c < ' ' || c > '~'; });
  if (odd != line.end()) {
    return bad("byte " + std::to_string(odd - line.begin() + 1) + " is no printable ASCII");
  }
  if (line == "status") return {ControlCommand::Kind::kStatus, {}, {}};
  if (line == "poweroff") return {ControlCommand::Kind::kPowerOff, {}, {}};
  constexpr std::string_view kLoad = "load ";
  if (!line.starts_with(kLoad)) return bad("unknown command: say load SPEC, status or poweroff");
  ParsedPlan parsed = parse_load_plan(line.substr(kLoad.size()));
  if (!parsed.plan) return bad(std::move(parsed.error));
  return {ControlCommand::Kind::kLoad, std::move(*parsed.plan), {}};
}

ControlCommand ControlReader::next(std::string& bytes) {
  for (;;) {
    const std::size_t end = bytes.find('\n');
    if (skipping_) {
      bytes.erase(0, end == std::string::npos ? end : end + 1);
      if (end == std::string::npos) return {};
      skipping_ = false;
      continue;
    }
    if (end <= kMostControlBytes) {  // not npos either
      ControlCommand command = parse_control_line(std::string_view(bytes).substr(0, end));
      bytes.erase(0, end + 1);
      return command;
    }
    if (bytes.size() <= kMostControlBytes) return {};
    skipping_ = true;
    return bad("a line is longer than " + std::to_string(kMostControlBytes) + " bytes");
  }
}

}  // namespace godwit::guest
