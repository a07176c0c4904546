#include "godwit/terminal/progress_lines.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "godwit/base/quantity.h"

namespace godwit::terminal {
namespace {

template <class T, class Number>
Json maybe(const std::optional<T>& value, Number number) {
  return value ? Json(number(*value)) : Json(nullptr);
}

}  // namespace

std::string progress_note(const control::Progress& p) {
  if (p.rest_follows) {
    return fmt::format(
        "it runs at the destination and needs both hosts: {} of its disks are still at the source",
        human(p.storage_left.value_or(Bytes())));
  }
  const bool disks_first = p.phase == MigrationPhase::kNone && p.storage_left;
  if (disks_first) return fmt::format("mirroring, {} of the disks left", human(*p.storage_left));
  std::string note = fmt::format("{}, {} sent", to_string(p.phase), human(p.transferred));
  if (p.rate) note += fmt::format(" at {}", human(*p.rate));
  if (p.forecast.ends) {
    note += fmt::format(", {:.0f} % likely to keep the intent", p.forecast.ends->value() * 100);
  }
  if (p.standstill) note += fmt::format(", NOTHING SENT for {}", human(*p.standstill));
  if (p.silence) note += fmt::format(", its monitor is silent for {}", human(*p.silence));
  if (p.point_of_no_return) note += ", past the point of no return";
  return note;
}

double share_done(const control::Progress& p) {
  const auto& eta = p.forecast.eta;
  if (!eta || p.elapsed + eta->p50 <= Seconds(0)) return 0;
  return p.elapsed / (p.elapsed + eta->p50);
}

std::string order_text(const AppliedOrder& applied) {
  const Order& order = applied.order;
  std::string text;
  const auto add = [&text](const std::string& what) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", what);
  };
  if (order.downtime_limit) add(fmt::format("downtime limit {}", human(*order.downtime_limit)));
  if (order.max_bandwidth) add(fmt::format("bandwidth {}", human(*order.max_bandwidth)));
  if (order.cpu_quota) {
    add(fmt::format("{:.0f} % of their time for the vCPUs", order.cpu_quota->value() * 100));
  }
  if (order.switch_to_postcopy) add("post-copy");
  if (order.give_up) add("to give up");
  text = fmt::format("{} in round {}: {}", text, applied.round, order.why);
  return applied.refused.empty() ? "ordered " + text
                                 : fmt::format("wanted {} ({})", text, applied.refused);
}

Json line_of(const control::Progress& progress, std::string_view event) {
  Json line{{"event", event},
            {"elapsed_s", progress.elapsed.count()},
            {"round", progress.round},
            {"phase", to_string(progress.phase)}};
  line.update(to_json(progress.forecast));
  const auto bytes = [](Bytes value) { return value.count(); };
  const auto rate = [](BytesPerSecond value) { return value.value(); };
  line["transferred_bytes"] = progress.transferred.count();
  line["remaining_bytes"] = maybe(progress.remaining, bytes);
  line["rate_bytes_per_s"] = maybe(progress.rate, rate);
  line["dirty_bytes_per_s"] = maybe(progress.dirty_rate, rate);
  line["throttle_percent"] = maybe(progress.throttle_percent, [](int percent) { return percent; });
  return line;
}

Json line_of(const control::RunEvent& event) {
  Json line = line_of(event.now, event.round != nullptr ? "round" : "order");
  if (event.round != nullptr) line["ended"] = to_json(*event.round);
  if (event.order != nullptr) line.update(to_json(*event.order));
  return line;
}

}  // namespace godwit::terminal
