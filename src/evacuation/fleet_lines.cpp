#include "fleet_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "godwit/base/log.h"
#include "godwit/base/quantity.h"
#include "godwit/terminal/progress_bar.h"
#include "godwit/terminal/progress_lines.h"

namespace godwit::evacuation {
namespace {

using Status = fleet::VmReport::Status;

constexpr Seconds kRedraw{0.1};

std::string change_text(const fleet::VmReport& one) {
  switch (one.status) {
    case Status::kPreparing:
      return fmt::format("{}: its destination is started on {}", one.vm, one.to);
    case Status::kReady:
      return fmt::format("{}: ready, waits for its turn", one.vm);
    case Status::kMoving:
      return fmt::format("{}: moves to {} by {}", one.vm, one.to, to_string(one.technique));
    case Status::kMoved:
      return fmt::format("{}: runs on {} after {}", one.vm, one.runs_on,
                         human(one.finished.value_or(Seconds(0))));
    default:
      return fmt::format("{}: {}{}{}", one.vm, to_string(one.status),
                         one.reason.empty() ? "" : ": ", one.reason);
  }
}

}  // namespace

FleetLines::~FleetLines() {
  clear();
}

void FleetLines::clear() {
  std::FILE* const stream = context_.out.bar_stream();
  if (stream == nullptr || drawn_ == 0) return;
  std::fputs(fmt::format("\x1b[{}A\r\x1b[J", drawn_).c_str(), stream);
  std::fflush(stream);
  drawn_ = 0;
}

void FleetLines::draw(bool at_once) {
  std::FILE* const stream = context_.out.bar_stream();
  if (stream == nullptr) return;
  const TimePoint now = context_.clock.now();
  if (!at_once && drawn_ > 0 && now - last_ < kRedraw) return;
  last_ = now;
  clear();
  for (const std::string& vm : order_) {
    const Line& line = lines_.at(vm);
    const bool moves = line.report.status == Status::kMoving;
    const std::string text =
        moves ? terminal::bar_line(line.done, {}, vm, line.note) : "  " + change_text(line.report);
    std::fputs((text + "\n").c_str(), stream);
  }
  std::fflush(stream);
  drawn_ = order_.size();
}

void FleetLines::say(const std::string& text) {
  clear();
  context_.out.say(text);
  draw(true);
}

void FleetLines::replanned(const fleet::FleetPlan& plan, Seconds elapsed, const std::string& why) {
  say(fmt::format("{}; planned anew: done after {} ({} … {})", why,
                  human(elapsed + plan.finish.p50), human(elapsed + plan.finish.p05),
                  human(elapsed + plan.finish.p95)));
}

void FleetLines::changed(const fleet::VmReport& report) {
  if (lines_.find(report.vm) == lines_.end()) order_.push_back(report.vm);
  Line& line = lines_[report.vm];
  line.report = report;
  const std::string text = change_text(report);
  if (context_.out.bar_stream() == nullptr && line.said != text) context_.out.say("  " + text);
  line.said = text;
  draw(true);
}

void FleetLines::on_progress(const std::string& vm, const control::Progress& progress) {
  Line& line = lines_[vm];
  line.done = terminal::share_done(progress);
  line.note = terminal::progress_note(progress);
  draw(false);
}

void FleetLines::warning(const std::string& text) {
  clear();
  log::warning("{}", text);
  draw(true);
}

}  // namespace godwit::evacuation
