#include "godwit/command/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "godwit/base/quantity.h"
#include "godwit/config/toml.h"
#include "pattern.h"
#include "placeholders.h"

namespace godwit::command {
namespace {

constexpr const char* kManual = "docs/command-driver.md describes what a profile may say";
constexpr std::size_t kMostArguments = 100;
constexpr std::size_t kLongestArgument = 2000;
constexpr Seconds kShortest{0.01};
constexpr Seconds kLongestObservation{3600};

struct CommandKey {
  std::string_view name;
  Arguments CommandProfile::*arguments;
  bool required = false;
};
const std::array kCommands{CommandKey{"start", &CommandProfile::start},
                           CommandKey{"migrate", &CommandProfile::migrate, true},
                           CommandKey{"status", &CommandProfile::status, true},
                           CommandKey{"cancel", &CommandProfile::cancel},
                           CommandKey{"stop", &CommandProfile::stop}};

struct PatternKey {
  std::string_view name;
  Patterns CommandProfile::*patterns;
  bool required = false;
};
const std::array kPatterns{PatternKey{"running", &CommandProfile::running, true},
                           PatternKey{"absent", &CommandProfile::absent, true},
                           PatternKey{"paused", &CommandProfile::paused},
                           PatternKey{"failed", &CommandProfile::failed}};

/// The keys of a section, by the table of them.
template <class Keys>
std::set<std::string_view> names_of(const Keys& keys) {
  std::set<std::string_view> names;
  for (const auto& key : keys) names.insert(key.name);
  return names;
}

Error bad(const toml::node& node, std::string message, std::string what_to_do) {
  Error error{ErrorCode::kBadInput, std::move(message), std::move(what_to_do)};
  return node.source().begin.line == 0 ? error
                                       : config::at_line(node, error);  // 0: not in the file
}

// --- placeholders ---

/// Reads a profile's file, knowing which placeholders there are and noting which are used.
class Reader {
 public:
  explicit Reader(const toml::table& file) : file_(file) {}
  Result<CommandProfile> read();

 private:
  Result<void> read_top();
  Result<void> read_tested();
  Result<void> read_technique();
  Result<void> read_flag(std::string_view key, bool& into);
  Result<void> read_duration(std::string_view key, Seconds& into);
  Result<void> read_variables();
  Result<void> read_commands();
  Result<Arguments> read_arguments(const toml::node& node);
  Result<void> read_status();
  Result<Patterns> read_patterns(const toml::node& node);
  Result<std::string> read_filled(const toml::node& node);
  Result<void> check_used() const;
  void find_both_ways();

  const toml::table& file_;
  CommandProfile profile_;
  Values samples_;  ///< every placeholder that there is, with a value to try patterns with
  std::set<std::string> used_;
};

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 40 && name.front() >= 'a' && name.front() <= 'z' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

bool is_taken(std::string_view name) {
  return name == "vm" || name == "here" || name == "there" || name.starts_with("here_") ||
         name.starts_with("there_");
}

Result<void> Reader::read_variables() {
  GODWIT_TRY(const toml::table* table, config::section(file_, "variables"));
  for (const auto& [key, node] : *table) {
    const std::string name(key.str());
    if (!is_name(name) || is_taken(name)) {
      return fail(bad(node, fmt::format("'{}' is no name for a variable", name),
                      "use small letters, digits and _; vm, here and there are taken"));
    }
    GODWIT_TRY(profile_.variables[name], config::toml_text(node));
    samples_[name] = "1";
  }
  samples_ = seen_from(samples_, true);
  // here and there change places, so both must exist
  for (const auto& [name, what] : seen_from(samples_, false)) samples_[name] = "1";
  samples_["vm"] = "1";
  return {};
}

Result<std::string> Reader::read_filled(const toml::node& node) {
  GODWIT_TRY(std::string text, config::toml_text(node));
  if (text.size() > kLongestArgument || text.find('\0') != std::string::npos) {
    return fail(bad(node, "a text that is too long, or has a NUL in it", "make it a plain one"));
  }
  const auto holes = holes_in(text);
  if (!holes) return fail(config::at_line(node, holes.error()));
  for (const std::string& hole : *holes) {
    if (!samples_.contains(hole)) {
      return fail(bad(node, fmt::format("unknown placeholder {{{}}}", hole),
                      fmt::format("declare it under [variables]: {} = \"what it is\"",
                                  is_name(hole) && !is_taken(hole) ? hole : "name")));
    }
    used_.insert(hole);
  }
  return text;
}

// --- commands and patterns ---

Result<Arguments> Reader::read_arguments(const toml::node& node) {
  const toml::array* list = node.as_array();
  if (list == nullptr || list->empty() || list->size() > kMostArguments) {
    return fail(bad(node, "a command must be a list: the program, then its arguments",
                    "write it like [\"virsh\", \"domstate\", \"{vm}\"]"));
  }
  Arguments arguments;
  for (const toml::node& one : *list) {
    GODWIT_TRY(std::string text, read_filled(one));
    arguments.push_back(std::move(text));
  }
  if (arguments.front().empty() || arguments.front().find_first_of("{}") != std::string::npos) {
    return fail(bad(node, "a command must begin with the program's name, as it is",
                    "write it like [\"virsh\", \"domstate\", \"{vm}\"]"));
  }
  return arguments;
}

Result<void> Reader::read_commands() {
  GODWIT_TRY(const toml::table* table, config::section(file_, "commands"));
  GODWIT_CHECK_OK(config::check_keys(*table, names_of(kCommands), kManual));
  for (const CommandKey& key : kCommands) {
    if (const toml::node* node = table->get(key.name)) {
      GODWIT_TRY(profile_.*key.arguments, read_arguments(*node));
    } else if (key.required) {
      return fail(bad(*table, fmt::format("the command '{}' is missing", key.name),
                      fmt::format("add, under [commands]: {} = [\"PROGRAM\", ...]", key.name)));
    }
  }
  return {};
}

Result<Patterns> Reader::read_patterns(const toml::node& node) {
  Patterns patterns;
  const auto take = [this, &patterns](const toml::node& one) -> Result<void> {
    GODWIT_TRY(std::string text, read_filled(one));
    // a hole after a backslash would change what the value means: a digit shows it
    const auto meant = check_pattern(fill(text, samples_, quoted_for_regex));
    if (!meant) return fail(config::at_line(one, meant.error()));
    patterns.push_back(std::move(text));
    return {};
  };
  const toml::array* list = node.as_array();
  if (list == nullptr) {
    GODWIT_CHECK_OK(take(node));
    return patterns;
  }
  if (list->empty() || list->size() > kMostArguments) {
    return fail(bad(node, "an empty list, or one without end", "give one expression or a few"));
  }
  for (const toml::node& one : *list) GODWIT_CHECK_OK(take(one));
  return patterns;
}

Result<void> Reader::read_status() {
  GODWIT_TRY(const toml::table* table, config::section(file_, "status"));
  GODWIT_CHECK_OK(config::check_keys(*table, names_of(kPatterns), kManual));
  for (const PatternKey& key : kPatterns) {
    if (const toml::node* node = table->get(key.name)) {
      GODWIT_TRY(profile_.*key.patterns, read_patterns(*node));
    } else if (key.required) {
      return fail(bad(*table, fmt::format("nothing tells when a VM is '{}'", key.name),
                      fmt::format("add, under [status]: {} = \"EXPRESSION\"", key.name)));
    }
  }
  return {};
}

// --- the rest ---

Result<void> Reader::read_flag(std::string_view key, bool& into) {
  const toml::node* node = file_.get(key);
  if (node == nullptr) return {};
  GODWIT_TRY(into, config::toml_boolean(*node));
  return {};
}

Result<void> Reader::read_duration(std::string_view key, Seconds& into) {
  const toml::node* node = file_.get(key);
  if (node == nullptr) return {};
  GODWIT_TRY(const std::string text, config::toml_text(*node));
  const auto value = parse_duration(text);
  if (!value) return fail(config::at_line(*node, value.error()));
  if (*value < kShortest || *value > kLongestObservation) {
    return fail(bad(*node, fmt::format("{} is out of range", text), "give 10ms to 1h"));
  }
  into = *value;
  return {};
}

Result<void> Reader::read_tested() {
  GODWIT_TRY(const std::string tested, config::required_text(file_, "tested"));
  if (tested != "stand-in" && tested != "real") {
    return fail(bad(*file_.get("tested"), fmt::format("'{}' is no way to test", tested),
                    "write \"real\" if it was tried on the hypervisor itself, else \"stand-in\""));
  }
  profile_.tested_for_real = tested == "real";
  return {};
}

Result<void> Reader::read_technique() {
  const toml::node* node = file_.get("technique");
  if (node == nullptr) return {};
  GODWIT_TRY(const std::string name, config::toml_text(*node));
  const auto technique = parse_technique(name);
  if (!technique) {
    return fail(bad(*node, technique.error().message,
                    "name what the hypervisor does: precopy, postcopy, stop-and-copy, ..."));
  }
  profile_.technique = *technique;
  return {};
}

Result<void> Reader::read_top() {
  static const std::set<std::string_view> known{"name",     "about",        "tested",   "technique",
                                                "waits",    "plain_values", "patience", "poll",
                                                "commands", "status",       "variables"};
  GODWIT_CHECK_OK(config::check_keys(file_, known, kManual));
  GODWIT_TRY(profile_.name, config::required_text(file_, "name"));
  GODWIT_TRY(profile_.about, config::required_text(file_, "about"));
  GODWIT_CHECK_OK(read_tested());
  GODWIT_CHECK_OK(read_technique());
  GODWIT_CHECK_OK(read_flag("waits", profile_.waits));
  GODWIT_CHECK_OK(read_flag("plain_values", profile_.plain_values));
  GODWIT_CHECK_OK(read_duration("poll", profile_.poll));
  return read_duration("patience", profile_.patience);
}

Result<void> Reader::check_used() const {
  GODWIT_TRY(const toml::table* table, config::section(file_, "variables"));
  for (const auto& [key, node] : *table) {
    // here_uri stands for either side's
    const Values alone{{std::string(key.str()), ""}};
    Values names = seen_from(alone, true);
    names.merge(seen_from(alone, false));
    const bool found = std::any_of(names.begin(), names.end(),
                                   [this](const auto& name) { return used_.contains(name.first); });
    if (!found) {
      return fail(bad(node, fmt::format("no command names {{{}}}", key.str()),
                      "name it in one, or leave it out"));
    }
  }
  return {};
}

void Reader::find_both_ways() {
  bool sided = false;
  bool whole = true;
  for (const auto& [name, what] : profile_.variables) {
    const std::string fellow = fellow_of(name);
    if (fellow.empty()) continue;
    sided = true;
    whole = whole && profile_.variables.contains(fellow);
  }
  profile_.both_ways = sided && whole;
}

Result<CommandProfile> Reader::read() {
  GODWIT_CHECK_OK(read_top());
  GODWIT_CHECK_OK(read_variables());
  GODWIT_CHECK_OK(read_commands());
  GODWIT_CHECK_OK(read_status());
  GODWIT_CHECK_OK(check_used());
  find_both_ways();
  return std::move(profile_);
}

}  // namespace

Result<CommandProfile> parse_profile(std::string_view text) {
  GODWIT_TRY(const toml::table file, config::parse_toml(text));
  return Reader(file).read();
}

}  // namespace godwit::command
