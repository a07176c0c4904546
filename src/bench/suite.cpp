#include "godwit/bench/suite.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "godwit/base/quantity.h"
#include "godwit/base/rng.h"
#include "godwit/config/toml.h"
#include "godwit/domain/combination_rule.h"
#include "godwit/steer/laws.h"

namespace godwit::bench {
namespace {

using config::at_line;
using config::check_keys;
using config::required_text;
using config::section;
using config::toml_boolean;
using config::toml_integer;
using config::toml_number;
using config::toml_text;
using config::unknown_key;

constexpr std::size_t kMostMigrations = 10'000;
constexpr const char* kKnownKeys = "see the help of godwit bench run for those that there are";

/// One way to fill a cell in; a list in the file gives several of them.
using Choice = std::function<void(Cell&)>;
using Choices = std::vector<Choice>;

/// A key of [cell]: turns one value of the file into a choice.
struct CellKey {
  std::string_view name;
  Result<Choice> (*read)(const toml::node& value);
};

template <class T>
Result<Choice> quantity(const toml::node& node, Result<T> (*parse)(std::string_view),
                        void (*set)(Cell&, T)) {
  GODWIT_TRY(const std::string text, toml_text(node));
  const auto value = parse(text);
  if (!value) return fail(at_line(node, value.error()));
  return Choice([set, value = *value](Cell& cell) { set(cell, value); });
}

Result<Seconds> parse_limit(std::string_view text) {
  GODWIT_TRY(const Seconds value, parse_duration(text));
  if (value > Seconds(0)) return value;
  return fail(ErrorCode::kBadInput, "a time of zero", "give one above zero, such as 300ms");
}

/// As long as a profile may take.
Result<Seconds> parse_observation(std::string_view text) {
  GODWIT_TRY(const Seconds value, parse_duration(text));
  if (value >= Seconds(1) && value <= Seconds(600)) return value;
  return fail(ErrorCode::kBadInput, fmt::format("a guest can't be observed for {}", human(value)),
              "give 1s to 10m");
}

Result<Bytes> parse_disk(std::string_view text) {
  GODWIT_TRY(const Bytes size, parse_bytes(text));
  constexpr Bytes kMiB{1LL << 20};
  if (size >= kMiB && size.count() % kMiB.count() == 0) return size;
  return fail(ErrorCode::kBadInput, fmt::format("a disk of {}", human(size)), "give whole MiB");
}

Result<Intent::Prefer> parse_prefer(std::string_view text) {
  if (const auto known = prefer_from_string(text)) return *known;
  return fail(ErrorCode::kBadInput, fmt::format("nothing to prefer: '{}'", text),
              "give downtime, time, bytes, guest or agility");
}

Result<Choice> a_share(const toml::node& node, void (*set)(Cell&, Ratio)) {
  GODWIT_TRY(const double share, toml_number(node, 0, 1));
  return Choice([set, share](Cell& cell) { set(cell, Ratio(share)); });
}

Result<Choice> yes_or_no(const toml::node& node, void (*set)(Cell&, bool)) {
  GODWIT_TRY(const bool value, toml_boolean(node));
  return Choice([set, value](Cell& cell) { set(cell, value); });
}

const std::array kCellKeys{
    CellKey{"technique",
            [](const toml::node& node) -> Result<Choice> {
              GODWIT_TRY(const std::string name, toml_text(node));
              Cell tried;
              auto possible = set_technique(tried, name);
              if (possible) possible = check_combination(tried.technique);
              if (!possible) return fail(at_line(node, possible.error()));
              return Choice([name](Cell& cell) { (void)set_technique(cell, name); });
            }},
    CellKey{"link",
            [](const toml::node& node) {
              return quantity<BytesPerSecond>(
                  node, parse_rate, [](Cell& cell, BytesPerSecond rate) { cell.link = rate; });
            }},
    CellKey{"round_trip",
            [](const toml::node& node) {
              return quantity<Seconds>(node, parse_duration, [](Cell& cell, Seconds round_trip) {
                cell.round_trip = round_trip;
              });
            }},
    CellKey{"disk",
            [](const toml::node& node) {
              return quantity<Bytes>(node, parse_disk,
                                     [](Cell& cell, Bytes disk) { cell.disk = disk; });
            }},
    CellKey{"disk_filled",
            [](const toml::node& node) {
              return a_share(node, [](Cell& cell, Ratio share) { cell.disk_filled = share; });
            }},
    CellKey{"precopy_storage",
            [](const toml::node& node) {
              return a_share(
                  node, [](Cell& cell, Ratio share) { cell.parameters.precopy_storage = share; });
            }},
    CellKey{"prefer",
            [](const toml::node& node) {
              return quantity<Intent::Prefer>(
                  node, parse_prefer, [](Cell& cell, Intent::Prefer one) { cell.prefer = one; });
            }},
    CellKey{"ram",
            [](const toml::node& node) {
              return quantity<Bytes>(node, parse_bytes,
                                     [](Cell& cell, Bytes ram) { cell.ram = ram; });
            }},
    CellKey{"downtime_limit",
            [](const toml::node& node) {
              return quantity<Seconds>(node, parse_limit, [](Cell& cell, Seconds limit) {
                cell.parameters.downtime_limit = limit;
              });
            }},
    CellKey{"max_time",
            [](const toml::node& node) {
              return quantity<Seconds>(node, parse_limit,
                                       [](Cell& cell, Seconds limit) { cell.max_time = limit; });
            }},
    CellKey{"observe",
            [](const toml::node& node) {
              return quantity<Seconds>(node, parse_observation,
                                       [](Cell& cell, Seconds time) { cell.observe = time; });
            }},
    CellKey{"precopy_share",
            [](const toml::node& node) {
              return a_share(
                  node, [](Cell& cell, Ratio share) { cell.parameters.precopy_share = share; });
            }},
    CellKey{"postcopy_preempt",
            [](const toml::node& node) {
              return yes_or_no(
                  node, [](Cell& cell, bool yes) { cell.parameters.postcopy_preempt = yes; });
            }},
    CellKey{"rehearse",
            [](const toml::node& node) {
              return yes_or_no(node, [](Cell& cell, bool yes) { cell.rehearse = yes; });
            }},
    CellKey{"pings",
            [](const toml::node& node) {
              return yes_or_no(node, [](Cell& cell, bool yes) { cell.pings = yes; });
            }},
    CellKey{"law",
            [](const toml::node& node) -> Result<Choice> {
              GODWIT_TRY(const std::string law, toml_text(node));
              const auto known = steer::law_by_name(law);
              if (!known) return fail(at_line(node, known.error()));
              return Choice([law](Cell& cell) { cell.law = law; });
            }},
    CellKey{"max_downtime",
            [](const toml::node& node) {
              return quantity<Seconds>(node, parse_limit,
                                       [](Cell& cell, Seconds most) { cell.max_downtime = most; });
            }},
    CellKey{"no_postcopy",
            [](const toml::node& node) {
              return yes_or_no(node, [](Cell& cell, bool yes) { cell.no_postcopy = yes; });
            }},
    CellKey{"relay", [](const toml::node& node) {
              return yes_or_no(node, [](Cell& cell, bool yes) { cell.relay = yes; });
            }}};

/// Each element of a list, or the one value itself; a list must not be empty.
template <class Read>
Result<void> for_each_value(const toml::node& node, const Read& read) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return read(node);
  if (list->empty()) {
    return fail(at_line(node, {ErrorCode::kBadInput, "an empty list", "give at least one value"}));
  }
  for (const toml::node& one : *list) GODWIT_CHECK_OK(read(one));
  return {};
}

/// The keys of [cell] in the file, each with its choices.
Result<std::vector<Choices>> read_cell(const toml::table& table) {
  std::vector<Choices> dimensions;
  for (const auto& [key, node] : table) {
    const auto known = std::find_if(kCellKeys.begin(), kCellKeys.end(),
                                    [&key = key](const CellKey& k) { return k.name == key.str(); });
    if (known == kCellKeys.end()) return fail(unknown_key(key, kKnownKeys));
    Choices choices;
    GODWIT_CHECK_OK(for_each_value(node, [&](const toml::node& value) -> Result<void> {
      GODWIT_TRY(Choice choice, known->read(value));
      choices.push_back(std::move(choice));
      return {};
    }));
    dimensions.push_back(std::move(choices));
  }
  return dimensions;
}

/// What is swept: name → its values as text.
using Sweeps = std::map<std::string, std::vector<std::string>>;

Result<Sweeps> read_sweeps(const toml::table& table) {
  Sweeps sweeps;
  for (const auto& [key, node] : table) {
    std::vector<std::string>& values = sweeps[std::string(key.str())];
    GODWIT_CHECK_OK(for_each_value(node, [&values](const toml::node& value) -> Result<void> {
      GODWIT_TRY(std::string text, toml_text(value));
      if (text.find_first_of("{}") != std::string::npos) {
        return fail(at_line(value, {ErrorCode::kBadInput, "a swept value has a brace in it",
                                    "give the value alone"}));
      }
      values.push_back(std::move(text));
      return {};
    }));
  }
  return sweeps;
}

/// The names between braces: "set={set}" → {"set"}.
std::set<std::string> placeholders(std::string_view text) {
  std::set<std::string> names;
  for (auto open = text.find('{'); open != std::string_view::npos;
       open = text.find('{', open + 1)) {
    const auto close = text.find('}', open);
    if (close == std::string_view::npos) break;
    names.emplace(text.substr(open + 1, close - open - 1));
  }
  return names;
}

std::string filled_in(std::string text, const std::map<std::string, std::string>& values) {
  for (const auto& [key, value] : values) {
    const std::string hole = "{" + key + "}";
    for (auto at = text.find(hole); at != std::string::npos; at = text.find(hole)) {
      text.replace(at, hole.size(), value);
    }
  }
  return text;
}

/// One load with every value of what it names.
Choices load_choices(const std::string& name, const std::string& text, const Sweeps& sweeps) {
  std::vector<std::map<std::string, std::string>> fillings{{}};
  for (const std::string& key : placeholders(text)) {
    std::vector<std::map<std::string, std::string>> more;
    for (const auto& filling : fillings) {
      for (const std::string& value : sweeps.at(key)) {
        more.push_back(filling);
        more.back()[key] = value;
      }
    }
    fillings = std::move(more);
  }
  Choices choices;
  for (const auto& filling : fillings) {
    choices.push_back([name, filling, spec = filled_in(text, filling)](Cell& cell) {
      cell.load = name;
      cell.spec = spec;
      cell.sweep = filling;
    });
  }
  return choices;
}

Result<Choices> read_loads(const toml::table& table, const Sweeps& sweeps) {
  Choices choices;
  for (const auto& [key, node] : table) {
    GODWIT_TRY(const std::string text, toml_text(node));
    for (const std::string& name : placeholders(text)) {
      if (sweeps.contains(name)) continue;
      return fail(
          at_line(node, {ErrorCode::kBadInput,
                         fmt::format("load {} needs {{{}}}, which is not swept", key.str(), name),
                         fmt::format("give its values under [sweep]: {} = [...]", name)}));
    }
    for (Choice& choice : load_choices(std::string(key.str()), text, sweeps)) {
      choices.push_back(std::move(choice));
    }
  }
  return choices;
}

Result<void> check_sweeps_used(const toml::table& sweep, const toml::table& loads) {
  for (const auto& [key, node] : sweep) {
    const std::string hole = fmt::format("{{{}}}", key.str());
    const bool used = std::any_of(loads.begin(), loads.end(), [&hole](const auto& load) {
      const auto text = load.second.template value<std::string>();
      return text && text->find(hole) != std::string::npos;
    });
    if (used) continue;
    return fail(at_line(node, {ErrorCode::kBadInput,
                               fmt::format("{} is swept, but no load names {}", key.str(), hole),
                               "name it in a load, or leave it out"}));
  }
  return {};
}

/// Every combination. `repeats` counts toward the most that a suite may hold.
Result<std::vector<Cell>> combine(const std::vector<Choices>& dimensions, int repeats) {
  std::vector<Cell> cells{Cell{}};
  for (const Choices& choices : dimensions) {
    if (cells.size() * choices.size() * static_cast<std::size_t>(repeats) > kMostMigrations) {
      return fail(ErrorCode::kBadInput,
                  fmt::format("the suite has more than {} migrations", kMostMigrations),
                  "sweep fewer values, or cut it into several suites");
    }
    std::vector<Cell> more;
    more.reserve(cells.size() * choices.size());
    for (const Cell& cell : cells) {
      for (const Choice& choose : choices) {
        more.push_back(cell);
        choose(more.back());
      }
    }
    cells = std::move(more);
  }
  return cells;
}

/// A share is not said where there is nothing to share, nor where Godwit is to choose it; of cells
/// that are the same without it one is left.
std::vector<Cell> with_fitting_shares(const std::vector<Cell>& cells) {
  std::vector<Cell> fitting;
  for (const Cell& said : cells) {
    Cell cell = said;
    if (cell.advised || !cell.technique.storage) cell.parameters.precopy_storage.reset();
    if (cell.advised) cell.parameters.precopy_share.reset();
    const bool known =
        !(cell == said) && std::find(fitting.begin(), fitting.end(), cell) != fitting.end();
    if (!known) fitting.push_back(std::move(cell));
  }
  return fitting;
}

Result<Suite> read_suite(const toml::table& file) {
  GODWIT_CHECK_OK(
      check_keys(file, {"name", "about", "repeats", "cell", "loads", "sweep"}, kKnownKeys));
  Suite suite;
  GODWIT_TRY(suite.name, required_text(file, "name"));
  GODWIT_TRY(suite.about, required_text(file, "about"));
  if (const toml::node* repeats = file.get("repeats")) {
    GODWIT_TRY(const std::int64_t count, toml_integer(*repeats, 1, kMaxRepeats));
    suite.repeats = static_cast<int>(count);
  }
  GODWIT_TRY(const toml::table* sweep, section(file, "sweep"));
  GODWIT_TRY(const toml::table* loads, section(file, "loads"));
  GODWIT_TRY(const toml::table* cell, section(file, "cell"));
  GODWIT_TRY(const Sweeps sweeps, read_sweeps(*sweep));
  GODWIT_TRY(Choices load_dimension, read_loads(*loads, sweeps));
  if (load_dimension.empty()) {
    return fail(ErrorCode::kBadInput, "the suite names no load",
                "add a section [loads] with, for example: idle = \"idle\"");
  }
  GODWIT_CHECK_OK(check_sweeps_used(*sweep, *loads));
  GODWIT_TRY(std::vector<Choices> dimensions, read_cell(*cell));
  dimensions.push_back(std::move(load_dimension));
  GODWIT_TRY(const std::vector<Cell> cells, combine(dimensions, suite.repeats));
  suite.cells = with_fitting_shares(cells);
  return suite;
}

}  // namespace

Result<Suite> parse_suite(std::string_view text) {
  GODWIT_TRY(const toml::table file, config::parse_toml(text));
  GODWIT_TRY(Suite suite, read_suite(file));
  suite.toml = text;
  return suite;
}

std::vector<Cell> shuffled_cells(const Suite& suite, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<Cell> all;
  all.reserve(suite.cells.size() * static_cast<std::size_t>(suite.repeats));
  for (int repeat = 1; repeat <= suite.repeats; ++repeat) {
    std::vector<Cell> pass = suite.cells;
    rng.shuffle(pass);
    for (Cell& cell : pass) {
      cell.repeat = repeat;
      all.push_back(std::move(cell));
    }
  }
  return all;
}

}  // namespace godwit::bench
