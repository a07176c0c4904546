#include "godwit/fleet/record.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "godwit/base/json.h"
#include "godwit/base/json_reader.h"
#include "godwit/base/statistics.h"

namespace godwit::fleet {
namespace {

using Kind = Entry::Kind;

struct KindName {
  Kind kind;
  std::string_view name;
};
constexpr std::array kKinds{
    KindName{Kind::kBegan, "began"},           KindName{Kind::kPreparing, "preparing"},
    KindName{Kind::kStarted, "started"},       KindName{Kind::kMoving, "moving"},
    KindName{Kind::kMoved, "moved"},           KindName{Kind::kNotMoved, "not_moved"},
    KindName{Kind::kBlocked, "blocked"},       KindName{Kind::kGone, "gone"},
    KindName{Kind::kEnded, "ended"},           KindName{Kind::kCordoned, "cordoned"},
    KindName{Kind::kUncordoned, "uncordoned"}, KindName{Kind::kSeen, "seen"}};

struct TextKey {
  std::string_view key;
  std::string Entry::*text;
};
constexpr std::array kTexts{
    TextKey{"run", &Entry::run},         TextKey{"host", &Entry::host},
    TextKey{"goal", &Entry::goal},       TextKey{"vm", &Entry::vm},
    TextKey{"from", &Entry::from},       TextKey{"to", &Entry::to},
    TextKey{"monitor", &Entry::monitor}, TextKey{"technique", &Entry::technique},
    TextKey{"why", &Entry::why}};

/// Moves of which medians are taken, and how few say nothing yet.
constexpr std::size_t kNewest = 20;
constexpr std::size_t kFewest = 3;

bool is_over(Kind kind) {
  return kind == Kind::kMoved || kind == Kind::kNotMoved || kind == Kind::kGone;
}

Seconds median_of(std::vector<double> values, Seconds usual) {
  if (values.size() < kFewest) return usual;
  if (values.size() > kNewest) values.erase(values.begin(), values.end() - kNewest);
  return Seconds(quantile(std::move(values), 0.5));
}

}  // namespace

std::string to_line(const Entry& entry) {
  const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                 [&](const KindName& one) { return one.kind == entry.kind; });
  Json json{{"what", kind->name}, {"wall_us", entry.wall_us}};
  for (const TextKey& one : kTexts) {
    if (!(entry.*one.text).empty()) json[std::string(one.key)] = entry.*one.text;
  }
  if (entry.prepared) json["prepared_s"] = entry.prepared->count();
  if (entry.around) json["around_s"] = entry.around->count();
  if (entry.after) json["after_s"] = entry.after->count();
  if (entry.load) {
    json["memory_bytes"] = entry.load->memory.count();
    json["cold_bytes_per_s"] = entry.load->cold.value();
  }
  return json_text(json);
}

Result<Entry> entry_from(std::string_view line) {
  GODWIT_TRY(const Json json, parse_json(line));
  JsonReader in(json, "entry");
  Entry entry;
  const std::string name = in.text("what");
  const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                 [&](const KindName& one) { return one.name == name; });
  if (kind == kKinds.end()) {
    in.reject("what", "is of another godwit");
  } else {
    entry.kind = kind->kind;
  }
  entry.wall_us = in.integer("wall_us");
  for (const TextKey& one : kTexts) entry.*one.text = in.maybe_text(one.key).value_or("");
  entry.prepared = in.maybe_seconds("prepared_s");
  entry.around = in.maybe_seconds("around_s");
  entry.after = in.maybe_seconds("after_s");
  if (in.find("memory_bytes") != nullptr) {
    const auto memory = static_cast<double>(in.integer("memory_bytes"));
    const double cold = in.number("cold_bytes_per_s");
    if (memory < 0 || memory > kMostBytes.as_double())
      in.reject("memory_bytes", "is out of bounds");
    if (cold < 0) in.reject("cold_bytes_per_s", "is out of bounds");
    if (!in.error()) {
      entry.load =
          schedule::MemoryLoad{Bytes(in.integer("memory_bytes")), Bytes(0), BytesPerSecond(cold)};
    }
  }
  if (in.error()) return fail(*in.error());
  return entry;
}

// --- what entries say ---

std::optional<OpenRun> open_run(const std::vector<Entry>& entries) {
  std::optional<OpenRun> run;
  for (const Entry& entry : entries) {
    if (entry.kind == Kind::kBegan && !(run && run->id == entry.run)) {
      run = OpenRun{entry.run, entry.host, entry.goal, {}};
    } else if (run && entry.run == run->id) {
      if (entry.kind == Kind::kMoved) run->moved.push_back(entry);
      if (entry.kind == Kind::kEnded) run.reset();
    }
  }
  return run;
}

std::map<std::string, Entry> under_way(const std::vector<Entry>& entries) {
  std::map<std::string, Entry> open;
  for (const Entry& entry : entries) {
    if (entry.vm.empty()) continue;
    if (is_over(entry.kind)) {
      open.erase(entry.vm);
    } else if (entry.kind != Kind::kBlocked && entry.kind != Kind::kSeen) {
      const std::string monitor = entry.monitor.empty() ? open[entry.vm].monitor : entry.monitor;
      open[entry.vm] = entry;
      if (entry.kind != Kind::kPreparing) open[entry.vm].monitor = monitor;
    }
  }
  return open;
}

std::map<std::string, std::string> evacuated(const std::vector<Entry>& entries) {
  std::map<std::string, std::string> away;   // VM → host
  std::map<std::string, std::string> goals;  // run → goal
  for (const Entry& entry : entries) {
    if (entry.kind == Kind::kBegan) goals[entry.run] = entry.goal;
    if (entry.kind == Kind::kGone) away.erase(entry.vm);
    if (entry.kind != Kind::kMoved) continue;
    const auto home = away.find(entry.vm);
    if (home != away.end()) {
      if (home->second == entry.to) away.erase(home);
    } else if (goals[entry.run] == "evacuate") {
      away[entry.vm] = entry.from;
    }
  }
  return away;
}

std::map<std::string, Entry> last_moves(const std::vector<Entry>& entries) {
  std::map<std::string, Entry> last;
  std::map<std::string, std::string> monitors;
  for (const Entry& entry : entries) {
    if (entry.kind == Kind::kStarted) monitors[entry.vm] = entry.monitor;
    if (entry.kind != Kind::kMoved) continue;
    last[entry.vm] = entry;
    last[entry.vm].monitor = monitors[entry.vm];
  }
  return last;
}

std::set<std::string> cordoned(const std::vector<Entry>& entries) {
  std::set<std::string> hosts;
  for (const Entry& entry : entries) {
    if (entry.kind == Kind::kCordoned) hosts.insert(entry.host);
    if (entry.kind == Kind::kUncordoned) hosts.erase(entry.host);
  }
  return hosts;
}

Costs costs_of(const std::vector<Entry>& entries, const Costs& usual) {
  std::vector<double> prepared, around, after;
  for (const Entry& entry : entries) {
    if (entry.prepared) prepared.push_back(entry.prepared->count());
    if (entry.around) around.push_back(entry.around->count());
    if (entry.after) after.push_back(entry.after->count());
  }
  Costs costs = usual;
  costs.overhead = median_of(std::move(prepared), costs.overhead);
  costs.around = median_of(std::move(around), costs.around);
  costs.after = median_of(std::move(after), costs.after);
  return costs;
}

}  // namespace godwit::fleet
