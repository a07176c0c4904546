#include "godwit/hosts/intent_file.h"

#include <fmt/format.h>

#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "godwit/base/quantity.h"
#include "godwit/config/toml.h"
#include "godwit/hosts/time_until.h"

namespace godwit::hosts {
namespace {

using config::quantity;

constexpr const char* kIntentManual = "docs/evacuating.md describes what a file of intents may say";
/// As many classes as anybody tells apart, either way.
constexpr std::int64_t kMostPriority = 1'000'000;

Error wrong_at(const toml::node& node, std::string message, std::string what_to_do) {
  return config::at_line(node, {ErrorCode::kBadInput, std::move(message), std::move(what_to_do)});
}

Result<Seconds> parse_limit(std::string_view text) {
  GODWIT_TRY(const Seconds value, parse_duration(text));
  if (value > Seconds(0)) return value;
  return fail(ErrorCode::kBadInput, fmt::format("'{}' is zero", text),
              "give a duration above zero, for example 300ms");
}

Result<Intent::Prefer> parse_prefer(std::string_view text) {
  if (const auto known = prefer_from_string(text)) return *known;
  return fail(ErrorCode::kBadInput, fmt::format("unknown preference '{}'", text),
              "choose downtime, time, bytes or guest");
}

/// Where the key is there, its value replaces `into`.
template <class T, class U>
Result<void> take(const toml::table& table, std::string_view key,
                  Result<T> (*parse)(std::string_view), U& into) {
  GODWIT_TRY(auto value, quantity(table, key, parse));
  if (value) into = *value;
  return {};
}

Result<void> take(const toml::table& table, std::string_view key, bool& into) {
  const toml::node* const node = table.get(key);
  if (node == nullptr) return {};
  GODWIT_TRY(into, config::toml_boolean(*node));
  return {};
}

class IntentReader {
 public:
  IntentReader(const toml::table& file, const Intent& base, std::int64_t now_wall_us)
      : file_(file), now_(now_wall_us) {
    all_.usual.intent = base;
  }

  Result<IntentFile> read() {
    GODWIT_CHECK_OK(
        config::check_keys(file_, {"default", "vms", "apart", "together"}, kIntentManual));
    GODWIT_TRY(const toml::table* const usual, config::section(file_, "default"));
    GODWIT_CHECK_OK(read_into(all_.usual, *usual, false));
    GODWIT_TRY(const toml::table* const vms, config::section(file_, "vms"));
    for (const auto& [key, node] : *vms) {
      const toml::table* const table = node.as_table();
      if (table == nullptr) return fail(wrong_at(node, "this must be a section", kIntentManual));
      GODWIT_CHECK_OK(read_into(named(std::string(key.str()), node), *table, true));
    }
    GODWIT_CHECK_OK(each_group("together", &IntentReader::keep_together));
    GODWIT_CHECK_OK(each_group("apart", &IntentReader::keep_apart));
    return std::move(all_);
  }

 private:
  using Member = std::pair<std::string, const toml::node*>;
  using Group = std::vector<Member>;

  VmIntent& named(const std::string& vm, const toml::node& node) {
    const auto [at, first] = all_.vms.try_emplace(vm, all_.usual);
    if (first) at->second.line = node.source().begin.line;
    return at->second;
  }

  Result<void> read_into(VmIntent& into, const toml::table& table, bool of_vm) {
    std::set<std::string_view> keys{"max_downtime", "max_time",    "max_slowdown",
                                    "max_bytes",    "no_postcopy", "prefer",
                                    "confidence",   "priority",    "not_before"};
    if (of_vm) keys.insert("stays");
    GODWIT_CHECK_OK(config::check_keys(table, keys, kIntentManual));
    Intent& intent = into.intent;
    GODWIT_CHECK_OK(take(table, "max_downtime", parse_limit, intent.max_downtime));
    GODWIT_CHECK_OK(take(table, "max_time", parse_limit, intent.max_time));
    GODWIT_CHECK_OK(take(table, "max_slowdown", parse_percent, intent.max_slowdown));
    GODWIT_CHECK_OK(take(table, "max_bytes", parse_bytes, intent.max_bytes));
    GODWIT_CHECK_OK(take(table, "confidence", parse_percent, intent.confidence));
    GODWIT_CHECK_OK(take(table, "prefer", parse_prefer, intent.prefer));
    GODWIT_CHECK_OK(take(table, "no_postcopy", intent.no_postcopy));
    GODWIT_CHECK_OK(take(table, "stays", into.stays));
    if (const toml::node* const node = table.get("priority")) {
      GODWIT_TRY(into.priority, config::toml_integer(*node, -kMostPriority, kMostPriority));
    }
    return read_time(into, table);
  }

  Result<void> read_time(VmIntent& into, const toml::table& table) {
    const toml::node* const node = table.get("not_before");
    if (node == nullptr) return {};
    GODWIT_TRY(const std::string text, config::toml_text(*node));
    const auto from_now = time_until(text, now_);
    if (!from_now) return fail(config::at_line(*node, from_now.error()));
    into.not_before = now_ + std::llround(from_now->count() * 1e6);
    return {};
  }

  Result<void> each_group(std::string_view section,
                          Result<void> (IntentReader::*join)(const std::string&, const Group&)) {
    GODWIT_TRY(const toml::table* const groups, config::section(file_, section));
    for (const auto& [key, node] : *groups) {
      const std::string name(key.str());
      const toml::array* const list = node.as_array();
      if (list == nullptr || list->size() < 2) {
        return fail(wrong_at(node,
                             fmt::format("group '{}' must be a list of two VMs or more", name),
                             fmt::format("write {} = [\"one\", \"other\"]", name)));
      }
      Group group;
      for (const toml::node& one : *list) {
        GODWIT_TRY(std::string vm, config::toml_text(one));
        for (const Member& other : group) {
          if (other.first != vm) continue;
          return fail(wrong_at(one, fmt::format("VM {} is in group '{}' twice", vm, name),
                               "name each VM of a group once"));
        }
        (void)named(vm, one);
        group.emplace_back(std::move(vm), &one);
      }
      GODWIT_CHECK_OK((this->*join)(name, group));
    }
    return {};
  }

  /// Who is together with one of two groups is so with both.
  Result<void> keep_together(const std::string& name, const Group& group) {
    std::string joined = name;
    std::set<std::string> before;
    for (const auto& [vm, node] : group) {
      const std::string& old = all_.vms.at(vm).together;
      if (!old.empty() && before.insert(old).second) joined += " and " + old;
    }
    for (auto& [vm, one] : all_.vms) {
      if (before.contains(one.together)) one.together = joined;
    }
    for (const auto& [vm, node] : group) all_.vms.at(vm).together = joined;
    return {};
  }

  /// The groups to be together are known by now.
  Result<void> keep_apart(const std::string& name, const Group& group) {
    std::map<std::string, std::string> first;  // of each group that is together
    for (const auto& [vm, node] : group) {
      VmIntent& one = all_.vms.at(vm);
      if (!one.apart.empty()) {
        return fail(wrong_at(
            *node,
            fmt::format("VM {} is in two groups to be apart, '{}' and '{}'", vm, one.apart, name),
            "leave it in one of them, or make one group of both"));
      }
      one.apart = name;
      if (one.together.empty()) continue;
      const auto [other, new_one] = first.try_emplace(one.together, vm);
      if (new_one) continue;
      return fail(wrong_at(*node,
                           fmt::format("VMs {} and {} are to be apart (group '{}'), and together "
                                       "(group '{}')",
                                       other->second, vm, name, one.together),
                           "take one of them out of a group"));
    }
    return {};
  }

  const toml::table& file_;
  std::int64_t now_;
  IntentFile all_;
};

}  // namespace

const VmIntent& IntentFile::of(const std::string& vm) const {
  const auto known = vms.find(vm);
  return known == vms.end() ? usual : known->second;
}

Result<IntentFile> parse_intent_file(std::string_view text, const Intent& base,
                                     std::int64_t now_wall_us) {
  GODWIT_TRY(const toml::table file, config::parse_toml(text));
  return IntentReader(file, base, now_wall_us).read();
}

}  // namespace godwit::hosts
