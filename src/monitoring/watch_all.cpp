#include "godwit/monitoring/watch_all.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "godwit/base/log.h"
#include "godwit/base/quantity.h"
#include "godwit/codec/codec.h"
#include "godwit/terminal/live_text.h"
#include "godwit/terminal/progress_lines.h"
#include "godwit/terminal/render.h"
#include "godwit/terminal/table.h"
#include "godwit/watch/watcher.h"

namespace godwit::monitoring {
namespace {

/// A look is worth an object of JSON so often, and the table is drawn so often.
constexpr Seconds kLineEvery{1};
constexpr Seconds kDrawEvery{0.5};
/// Where nobody can redraw a line, a person wants fewer.
constexpr Seconds kSayEvery{10};
/// More would not fit on a terminal.
constexpr std::size_t kMostRows = 20;

template <class T>
std::string maybe(const std::optional<T>& value) {
  return value ? human(*value) : "-";
}

std::string eta_text(const EndForecast& forecast) {
  const auto& eta = forecast.eta;
  if (!eta) return "-";
  return fmt::format("{} ({} … {})", human(eta->p50), human(eta->p05), human(eta->p95));
}

/// What is seen of all, as lines of JSON, as a table, or as lines for people.
class AllLines final : public watch::Onlooker {
 public:
  explicit AllLines(terminal::Context& context)
      : context_(context), table_(context.out.json() ? nullptr : context.out.bar_stream()) {}

  void reached(const std::string& target) override {
    context_.out.line(Json{{"event", "reached"}, {"target", target}});
    say(fmt::format("watching {} (Ctrl-C ends it, and changes nothing)", target));
  }
  void lost(const std::string& target, const Error& why) override {
    Json line{{"event", "lost"}, {"target", target}};
    line.update(to_json(why));
    context_.out.line(line);
    table_.clear();
    log::warning("{} can't be reached: {}; it is tried again", target, why.message);
  }
  void began(const watch::Followed& one) override {
    context_.out.line(named(one, Json{{"event", "began"}}));
    say(fmt::format("{}: a migration is under way", one.vm));
    rows_[one.vm];
  }
  void on_progress(const watch::Followed& one, const control::Progress& now) override {
    Row& row = rows_[one.vm];
    row.now = now;
    if (!row.line_at || context_.clock.now() - *row.line_at >= kLineEvery) {
      row.line_at = context_.clock.now();
      context_.out.line(named(one, terminal::line_of(now, "look")));
    }
    if (table_.visible()) return draw();
    if (row.said_at && context_.clock.now() - *row.said_at < kSayEvery) return;
    row.said_at = context_.clock.now();
    context_.out.say(fmt::format("{}: round {}, {}, ends in {}", one.vm, now.round,
                                 terminal::progress_note(now), eta_text(now.forecast)));
  }
  void on_event(const watch::Followed& one, const control::RunEvent& event) override {
    context_.out.line(named(one, terminal::line_of(event)));
  }
  void warning(const watch::Followed& one, const std::string& text) override {
    table_.clear();
    log::warning("{}: {}", one.vm, text);
  }
  void ended(const watch::Followed& one, const MigrationOutcome& outcome) override {
    rows_.erase(one.vm);
    context_.out.line(named(one, Json{{"event", "ended"}, {"outcome", to_json(outcome)}}));
    say(fmt::format("{}: {}", one.vm, terminal::outcome_text(outcome)));
    drawn_at_.reset();
    draw();
  }

 private:
  struct Row {
    control::Progress now{};
    std::optional<TimePoint> line_at{};
    std::optional<TimePoint> said_at{};
  };

  static Json named(const watch::Followed& one, Json line) {
    line["vm"] = one.vm;
    line["target"] = one.target;
    return line;
  }
  void say(std::string_view line) {
    table_.clear();
    context_.out.say(line);
  }
  void draw() {
    if (!table_.visible() || rows_.empty()) return;
    if (drawn_at_ && context_.clock.now() - *drawn_at_ < kDrawEvery) return;
    drawn_at_ = context_.clock.now();
    table_.draw(table_text());
  }
  [[nodiscard]] std::string table_text() const;

  terminal::Context& context_;
  terminal::LiveText table_;
  std::map<std::string, Row> rows_;  ///< by VM
  std::optional<TimePoint> drawn_at_;
};

std::string AllLines::table_text() const {
  terminal::Table table(
      {"VM", "phase", "round", "left", "sent at", "dirtied at", "ends in", "likely"});
  std::size_t shown = 0;
  for (const auto& [vm, row] : rows_) {
    if (++shown > kMostRows) break;
    const control::Progress& now = row.now;
    const auto& ends = now.forecast.ends;
    table.add({vm, std::string(to_string(now.phase)), std::to_string(now.round),
               maybe(now.remaining), maybe(now.rate), maybe(now.dirty_rate), eta_text(now.forecast),
               ends ? fmt::format("{:.0f} %", ends->value() * 100) : "-"});
  }
  std::string text = table.text();
  if (rows_.size() > kMostRows) text += fmt::format("\nand {} more", rows_.size() - kMostRows);
  return text;
}

}  // namespace

Result<std::vector<watch::Target>> parse_targets(const std::vector<std::string>& names) {
  std::vector<watch::Target> targets;
  for (const std::string& name : names) {
    GODWIT_TRY(watch::Target target, watch::parse_target(name));
    targets.push_back(std::move(target));
  }
  return targets;
}

std::optional<terminal::LabEntry> lab_entry_of(const std::vector<std::string>& names,
                                               const std::string& lab) {
  for (const std::string& name : names) {
    if (auto entry = terminal::lab_entry_of(name, lab)) return entry;
  }
  return std::nullopt;
}

int watch_all(const std::vector<std::string>& names, const std::string& lab, const Intent& intent,
              terminal::Context& context) {
  context.out.begin_lines();
  const auto targets = parse_targets(names);
  if (!targets) return context.out.error(targets.error());
  AllLines lines(context);
  watch::Watcher watcher(context.clock, terminal::engine_maker(context, lab),
                         watch::libvirt_lookouts(context.clock, context.stop), intent, lines);
  const auto ended = watcher.run(*targets, context.stop);
  return ended ? terminal::kDone : context.out.error(ended.error());
}

}  // namespace godwit::monitoring
