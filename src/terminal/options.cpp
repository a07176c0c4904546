#include "godwit/terminal/options.h"

#include <fmt/format.h>

#include <charconv>

#include "godwit/base/quantity.h"
#include "godwit/domain/combination_rule.h"

namespace godwit::terminal {
namespace {

template <class T>
Result<void> read(const std::string& text, std::string_view option,
                  Result<T> (*parse)(std::string_view), std::optional<T>& into) {
  if (text.empty()) return {};
  auto value = parse(text);
  if (!value) return fail(value.error().while_doing(option));
  into = std::move(*value);
  return {};
}

Result<void> positive(const std::optional<Seconds>& value, std::string_view option) {
  if (!value || value->count() > 0) return {};
  return fail(ErrorCode::kBadInput, fmt::format("{} is zero", option),
              "give a duration above zero, for example 300ms");
}

/// What moves a running guest, with some QEMU.
Result<Technique> parse_live_technique(std::string_view name) {
  GODWIT_TRY(const Technique technique, parse_technique(name));
  GODWIT_CHECK_OK(check_combination(technique));
  if (!is_cold(technique)) return technique;
  return fail(ErrorCode::kBadInput, fmt::format("no technique for a running guest: '{}'", name),
              fmt::format("choose one of {}", technique_words()));
}

}  // namespace

Result<Ratio> parse_share(std::string_view text) {
  if (text.ends_with('%')) return parse_percent(text);
  double share = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, share, std::chars_format::fixed);
  if (error == std::errc() && rest == end && share >= 0 && share <= 1) return Ratio(share);
  return fail(ErrorCode::kBadInput, fmt::format("'{}' is no share", text),
              "write it as a number from 0 to 1, for example 0.25, or as a percentage");
}

void IntentOptions::add_to(Command& command) {
  const auto* const group = "What you want";
  command.add_option("--max-downtime", max_downtime, "longest outage that a client may see")
      ->type_name("DURATION")
      ->group(group);
  command.add_option("--max-time", max_time, "give up when it takes longer (default 120s)")
      ->type_name("DURATION")
      ->group(group);
  command.add_option("--max-slowdown", max_slowdown, "work that the guest may lose meanwhile")
      ->type_name("PERCENT")
      ->group(group);
  command.add_option("--max-bytes", max_bytes, "most that may be sent")
      ->type_name("SIZE")
      ->group(group);
  command.add_option("--confidence", confidence, "how likely --max-time must be kept")
      ->type_name("PERCENT")
      ->group(group)
      ->capture_default_str();
  command.add_flag("--no-postcopy", no_postcopy, "never split the guest over two hosts")
      ->group(group);
  command
      .add_option("--prefer", prefer, "downtime, time, bytes, guest or agility, where several fit")
      ->type_name("WHAT")
      ->group(group)
      ->capture_default_str();
}

Result<Intent> IntentOptions::value() const {
  Intent intent;
  GODWIT_CHECK_OK(read(max_downtime, "--max-downtime", parse_duration, intent.max_downtime));
  GODWIT_CHECK_OK(positive(intent.max_downtime, "--max-downtime"));
  GODWIT_CHECK_OK(read(max_time, "--max-time", parse_duration, intent.max_time));
  GODWIT_CHECK_OK(positive(intent.max_time, "--max-time"));
  GODWIT_CHECK_OK(read(max_slowdown, "--max-slowdown", parse_percent, intent.max_slowdown));
  GODWIT_CHECK_OK(read(max_bytes, "--max-bytes", parse_bytes, intent.max_bytes));
  auto share = parse_percent(confidence);
  if (!share) return fail(share.error().while_doing("--confidence"));
  intent.confidence = *share;
  const auto preference = prefer_from_string(prefer);
  if (!preference) {
    return fail(ErrorCode::kBadInput, fmt::format("--prefer: unknown value '{}'", prefer),
                "choose downtime, time, bytes, guest or agility");
  }
  intent.prefer = *preference;
  intent.no_postcopy = no_postcopy;
  return intent;
}

void VerdictOptions::add_to(Command& command) {
  command
      .add_option("--max-downtime", max_downtime, "judge it by the outage that a client may see")
      ->type_name("DURATION");
  command.add_option("--max-time", max_time, "judge it by the time that it may take")
      ->type_name("DURATION");
}

Result<Intent> VerdictOptions::value() const {
  IntentOptions intent;
  intent.max_downtime = max_downtime;
  intent.max_time = max_time;
  return intent.value();
}

void LinkOption::add_to(Command& command) {
  command
      .add_option("--link", rate,
                  "rate that the stream may use; may be left out in a lab, which has its own, and "
                  "by migrate: what earlier migrations to that host reached, else the "
                  "interface's")
      ->type_name("RATE");
  command
      .add_option("--round-trip", round_trip,
                  "of that link; may be left out likewise: a lab's own, or as pings measure it "
                  "before a migration")
      ->type_name("DURATION");
}

Result<std::optional<Link>> LinkOption::value() const {
  std::optional<BytesPerSecond> parsed;
  GODWIT_CHECK_OK(read(rate, "--link", parse_rate, parsed));
  std::optional<Seconds> there_and_back;
  GODWIT_CHECK_OK(read(round_trip, "--round-trip", parse_duration, there_and_back));
  if (parsed) return std::optional(Link{*parsed, there_and_back});
  if (!there_and_back) return std::optional<Link>();
  return fail(ErrorCode::kBadInput, "a round trip of a link whose rate nobody named",
              "add --link RATE, or leave --round-trip out");
}

Option* RehearseOption::add_to(Command& command) {
  Option* const asks = command.add_flag("--rehearse", yes, kRehearseHelp);
  command.add_flag("--no-rehearse", no, kNoRehearseHelp)->excludes({asks});
  return asks;
}

engine::Rehearse RehearseOption::value() const {
  if (yes) return engine::Rehearse::kAlways;
  return no ? engine::Rehearse::kNever : engine::Rehearse::kWhereDue;
}

Option* ObserveOption::add_to(Command& command) {
  return command.add_option("--for", duration, "how long to observe the guest, 1s to 10m")
      ->type_name("DURATION")
      ->capture_default_str();
}

Result<Seconds> ObserveOption::value() const {
  auto parsed = parse_duration(duration);
  if (!parsed) return fail(parsed.error().while_doing("--for"));
  if (*parsed < Seconds(1) || *parsed > Seconds(600)) {
    return fail(ErrorCode::kBadInput, fmt::format("--for: {} is out of range", duration),
                "observe for 1s to 10m");
  }
  return parsed;
}

void StoreOption::add_to(Command& command) {
  command
      .add_option(
          "--store", path,
          "file of kept outcomes (default: in $XDG_DATA_HOME/godwit; root's in /var/lib/godwit)")
      ->type_name("FILE");
}

void add_lab_name(Command& command, std::string& name) {
  command.add_option("--lab", name, "which lab is meant by lab: addresses")
      ->type_name("NAME")
      ->capture_default_str();
}

void ShareOptions::add_to(Command& command) {
  command
      .add_option("--precopy-memory", memory,
                  "with hybrid: the share of memory that is sent before post-copy, 0 to 1")
      ->type_name("SHARE");
  command
      .add_option(
          "--precopy-storage", storage,
          "with +storage: the share of what the disks hold that is copied before the guest "
          "moves, 0 to 1 (default 1; auto+storage chooses it by the intent). The rest follows; "
          "until it has come, the guest needs "
          "both hosts. The destination's disks are empty qcow2 images of compat=0.10 with "
          "discard=unmap; QEMU 10.0 or newer on both sides")
      ->type_name("SHARE");
}

Result<void> ShareOptions::read_into(MigrationParameters& parameters) const {
  GODWIT_CHECK_OK(read(memory, "--precopy-memory", parse_share, parameters.precopy_share));
  return read(storage, "--precopy-storage", parse_share, parameters.precopy_storage);
}

Result<TechniqueChoice> parse_techniques(const std::vector<std::string>& names) {
  TechniqueChoice choice;
  std::size_t with_storage = 0;
  for (const std::string& name : names) {
    engine::Request one;
    GODWIT_CHECK_OK(read_technique(name, one));
    const bool storage = one.technique ? one.technique->storage : one.storage;
    if (storage) ++with_storage;
    if (!one.technique && names.size() > 1) {
      return fail(ErrorCode::kBadInput, fmt::format("'{}' stands for all techniques", name),
                  "give it alone, or name each of them");
    }
    if (!one.technique) continue;
    choice.techniques.push_back(*one.technique);
    choice.techniques.back().storage = false;
  }
  choice.storage = with_storage > 0;
  if (with_storage == 0 || with_storage == names.size()) return choice;
  return fail(ErrorCode::kBadInput, "some of the techniques take the disks along, and others don't",
              "ask for those with +storage apart from the others");
}

Result<void> read_technique(const std::string& name, engine::Request& request) {
  constexpr std::string_view kAuto = "auto";
  request.storage = name == fmt::format("{}{}", kAuto, kStorageSuffix);
  if (name == kAuto || request.storage) return {};
  if (name.starts_with(fmt::format("{}+", kAuto))) {
    return fail(ErrorCode::kBadInput, fmt::format("'{}' goes with storage only", kAuto),
                "leave the technique to auto, or say all of it yourself");
  }
  GODWIT_TRY(request.technique, parse_live_technique(name));
  return {};
}

}  // namespace godwit::terminal
