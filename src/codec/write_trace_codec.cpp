#include "write_trace_codec.h"

#include <fmt/format.h>

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "godwit/base/json_reader.h"

namespace godwit {
namespace {

/// More than ten minutes in slots of 125 ms, which is the longest that anybody observes.
constexpr std::int64_t kMostSlots = 10'000;
constexpr std::size_t kSlotsPerDigit = 4;
constexpr std::string_view kDigits = "0123456789abcdef";

/// The first slot is the highest bit of the first digit.
std::string digits_of(const std::vector<bool>& slots) {
  std::string digits;
  for (std::size_t at = 0; at < slots.size(); at += kSlotsPerDigit) {
    std::size_t value = 0;
    for (std::size_t i = at; i < at + kSlotsPerDigit; ++i) {
      value = value * 2 + (i < slots.size() && slots[i] ? 1 : 0);
    }
    digits += kDigits[value];
  }
  return digits;
}

/// Nothing where there are other characters, or another number of slots.
std::optional<std::vector<bool>> slots_of(std::string_view digits, std::size_t count) {
  if (digits.size() != (count + kSlotsPerDigit - 1) / kSlotsPerDigit) return std::nullopt;
  std::vector<bool> slots;
  for (const char digit : digits) {
    const std::size_t value = kDigits.find(digit);
    if (value == std::string_view::npos) return std::nullopt;
    for (std::size_t bit = kSlotsPerDigit; bit-- > 0;) slots.push_back(((value >> bit) & 1) != 0);
  }
  for (std::size_t i = count; i < slots.size(); ++i) {
    if (slots[i]) return std::nullopt;
  }
  slots.resize(count);
  return slots;
}

std::vector<std::vector<bool>> read_changed(JsonReader& in, std::size_t slots) {
  std::vector<std::vector<bool>> changed;
  const Json* array = in.array("changed");
  for (std::size_t i = 0; array != nullptr && i < array->size() && !in.error(); ++i) {
    const Json& one = (*array)[i];
    auto page = one.is_string() ? slots_of(one.get<std::string>(), slots) : std::nullopt;
    if (page) {
      changed.push_back(std::move(*page));
    } else {
      in.reject("changed", fmt::format("[{}] does not say what happened in {} slots", i, slots));
    }
  }
  return changed;
}

}  // namespace

Json to_json(const WriteTrace& trace) {
  Json changed = Json::array();
  for (const std::vector<bool>& page : trace.changed) changed.push_back(digits_of(page));
  return Json{{"slot_s", trace.slot.count()},
              {"slots", trace.slots},
              {"pages", trace.pages.count()},
              {"changed", std::move(changed)}};
}

Result<WriteTrace> write_trace_from_json(const Json& json) {
  JsonReader in(json, "profile.write_trace");
  WriteTrace trace;
  trace.slot = in.seconds("slot_s");
  const std::int64_t slots = in.integer("slots");
  trace.pages = PageCount(in.integer("pages"));
  if (slots < 1 || slots > kMostSlots) in.reject("slots", "is out of range");
  if (!(trace.slot > Seconds(0))) in.reject("slot_s", "is not more than 0");
  if (!in.error()) {
    trace.slots = static_cast<int>(slots);
    trace.changed = read_changed(in, static_cast<std::size_t>(slots));
  }
  if (trace.pages.count() < static_cast<std::int64_t>(trace.changed.size())) {
    in.reject("pages", "are fewer than those that changed");
  }
  if (in.error()) return fail(*in.error());
  return trace;
}

}  // namespace godwit
