#include "preflight_machine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>

#include "godwit/base/quantity.h"

namespace godwit::preflight {
namespace {

constexpr const char* kSameCommandLine =
    "start the destination with the source's command line and -incoming defer";
/// A message names so many differences of one kind; who mends those finds the rest.
constexpr std::size_t kMostNamed = 8;

Result<void> differs(std::string_view what, std::string_view source, std::string_view destination) {
  return fail(
      ErrorCode::kBadInput,
      fmt::format("{} differs: {} on the source, {} on the destination", what, source, destination),
      kSameCommandLine);
}

std::string listed(std::vector<std::string> names) {
  const std::size_t more = names.size() > kMostNamed ? names.size() - kMostNamed : 0;
  if (more > 0) names.resize(kMostNamed);
  std::string text = fmt::format("{}", fmt::join(names, ", "));
  return more > 0 ? fmt::format("{} and {} more", text, more) : text;
}

/// `auto` stands for on wherever it is not resolved.
std::string_view meant(std::string_view value) {
  return value == "auto" || value == "\"auto\"" || value == "\"on\"" ? "on" : value;
}

std::string value_of(const std::map<std::string, std::string>& properties,
                     const std::string& name) {
  const auto found = properties.find(name);
  return found == properties.end() ? "nothing" : found->second;
}

/// "mq (true on the source, false on the destination)" for each property that differs.
/// `other_version`: what only one version shows says nothing about the guest.
std::vector<std::string> differences(const std::map<std::string, std::string>& source,
                                     const std::map<std::string, std::string>& destination,
                                     bool other_version) {
  std::set<std::string> names;
  for (const auto* side : {&source, &destination}) {
    for (const auto& [name, unused] : *side) names.insert(name);
  }
  std::vector<std::string> found;
  for (const std::string& name : names) {
    if (other_version && !(source.contains(name) && destination.contains(name))) continue;
    const std::string here = value_of(source, name);
    const std::string there = value_of(destination, name);
    if (meant(here) == meant(there)) continue;
    found.push_back(fmt::format("{} ({} on the source, {} on the destination)", name, here, there));
  }
  return found;
}

bool other_version(const PreflightFacts& facts) {
  return facts.source.version != facts.destination.version;
}

Result<void> check_basics(const VmDescription& source, const VmDescription& destination) {
  if (source.accelerator != destination.accelerator) {
    return differs("the accelerator", source.accelerator, destination.accelerator);
  }
  if (source.machine != destination.machine) {
    return differs("the machine type", source.machine, destination.machine);
  }
  if (source.vcpus != destination.vcpus) {
    return differs("the number of vCPUs", std::to_string(source.vcpus),
                   std::to_string(destination.vcpus));
  }
  return {};
}

Result<void> check_machine(const PreflightFacts& facts) {
  const Inspection& source = facts.source_has;
  const Inspection& destination = facts.destination_has;
  if (source.base_memory != destination.base_memory) {
    return differs("the memory size", human(source.base_memory), human(destination.base_memory));
  }
  const auto found = differences(source.machine, destination.machine, other_version(facts));
  if (found.empty()) return {};
  return fail(ErrorCode::kBadInput, "the machine differs: " + listed(found), kSameCommandLine);
}

// --- the CPU ---

/// Bits of `a` that `b` lacks, by the register that shows them.
std::vector<std::string> more_bits(const CpuShape& a, const CpuShape& b) {
  std::vector<std::string> found;
  for (const auto& [word, bits] : a.words) {
    const auto other = b.words.find(word);
    const std::uint64_t extra = bits & ~(other == b.words.end() ? 0 : other->second);
    if (extra != 0) found.push_back(fmt::format("{} bits {:#x}", word, extra));
  }
  return found;
}

std::vector<std::string> more_names(const CpuShape& a, const CpuShape& b) {
  std::vector<std::string> found;
  for (const auto& [name, on] : a.features) {
    const auto other = b.features.find(name);
    if (on && (other == b.features.end() || !other->second)) found.push_back(name);
  }
  return found;
}

/// What `a` has and `b` lacks: by name where names are known, else by bits.
std::vector<std::string> more_features(const CpuShape& a, const CpuShape& b) {
  auto names = more_names(a, b);
  return names.empty() ? more_bits(a, b) : names;
}

/// A model is a name for features. Where those can be compared, it may be another name.
Result<void> check_model(const PreflightFacts& facts, Warnings& warnings) {
  const std::string& here = facts.source.cpu_model;
  const std::string& there = facts.destination.cpu_model;
  if (here == there) return {};
  const auto known = [](const CpuShape& cpu) {
    return !cpu.words.empty() || !cpu.features.empty();
  };
  if (!known(facts.source_has.cpu) || !known(facts.destination_has.cpu)) {
    return differs("the CPU model", here, there);
  }
  warnings.push_back(fmt::format(
      "the CPU model differs by name: {} on the source, {} on the destination; its features were "
      "compared, and the destination has all of them",
      here, there));
  return {};
}

std::optional<std::int64_t> number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A guest that knows less of its CPU than there is lives on: of these more may be there.
bool is_enough(const std::string& property, const std::string& needed, const std::string& there) {
  static const std::set<std::string, std::less<>> kUpwards{"level", "xlevel", "xlevel2",
                                                           "phys-bits"};
  if (property == "stepping") return true;
  const auto least = number(needed);
  const auto has = number(there);
  return kUpwards.contains(property) && least && has && *has >= *least;
}

Result<void> check_cpu(const CpuShape& source, const CpuShape& destination, Warnings& warnings) {
  for (const auto& [name, here] : source.properties) {
    const auto there = destination.properties.find(name);
    if (there == destination.properties.end() || there->second == here) continue;
    if (!is_enough(name, here, there->second)) {
      return differs(fmt::format("the CPU's {}", name), here, there->second);
    }
    warnings.push_back(fmt::format("the CPU's {} differs: {} on the source, {} on the destination",
                                   name, here, there->second));
  }
  if (const auto lacking = more_features(source, destination); !lacking.empty()) {
    return fail(
        ErrorCode::kBadInput,
        fmt::format("the destination's CPU lacks what the guest's has: {}", listed(lacking)),
        "give both sides the same -cpu, one that both hosts can offer: a guest whose "
        "features vanish dies");
  }
  if (const auto more = more_features(destination, source); !more.empty()) {
    warnings.push_back(
        fmt::format("the destination's CPU has more than the source's ({}): the "
                    "guest may not be able to go back once it uses that",
                    listed(more)));
  }
  return {};
}

// --- devices ---

std::string label(const DeviceShape& device) {
  const std::string name = device.id.empty() ? "" : fmt::format(" {}", device.id);
  return fmt::format("{}{}@{}", device.type, name, device.place);
}

/// By place and type. Of devices that stand alike in one place the properties make pairs.
using Devices = std::map<std::pair<std::string, std::string>, std::vector<const DeviceShape*>>;
Devices in_order(const std::vector<DeviceShape>& devices) {
  Devices found;
  for (const DeviceShape& device : devices) found[{device.place, device.type}].push_back(&device);
  for (auto& [where, alike] : found) {
    std::sort(alike.begin(), alike.end(), [](const DeviceShape* a, const DeviceShape* b) {
      return a->properties < b->properties;
    });
  }
  return found;
}

/// Devices of `a` that `b` lacks. What stands on a bus of one of these is not named again.
/// `boards_may_differ`: another version may build the board of other parts.
std::vector<std::string> only_in(const Devices& a, const Devices& b, bool boards_may_differ) {
  std::vector<std::string> names;
  std::vector<std::string> missing;
  for (const auto& [where, alike] : a) {
    const auto other = b.find(where);
    const std::size_t there = other == b.end() ? 0 : other->second.size();
    const std::string& place = where.first;
    if (there >= alike.size()) continue;
    if (boards_may_differ && place.find('/') == std::string::npos) continue;
    const bool told = std::any_of(missing.begin(), missing.end(), [&](const std::string& parent) {
      return place.starts_with(parent);
    });
    missing.push_back(place + "/");
    if (told) continue;
    for (std::size_t i = there; i < alike.size(); ++i) names.push_back(label(*alike[i]));
  }
  return names;
}

Result<void> check_devices(const PreflightFacts& facts) {
  const Devices source = in_order(facts.source_has.devices);
  const Devices destination = in_order(facts.destination_has.devices);
  const auto here = only_in(source, destination, other_version(facts));
  const auto there = only_in(destination, source, other_version(facts));
  if (!here.empty() || !there.empty()) {
    return fail(ErrorCode::kBadInput,
                fmt::format("devices differ: only on the source [{}], only on the destination [{}]",
                            listed(here), listed(there)),
                kSameCommandLine);
  }
  for (const auto& [where, alike] : source) {
    const auto other = destination.find(where);
    if (other == destination.end()) continue;
    for (std::size_t i = 0; i < std::min(alike.size(), other->second.size()); ++i) {
      const auto found =
          differences(alike[i]->properties, other->second[i]->properties, other_version(facts));
      if (found.empty()) continue;
      return fail(ErrorCode::kBadInput,
                  fmt::format("device {} differs: {}", label(*alike[i]), listed(found)),
                  kSameCommandLine);
    }
  }
  return {};
}

// --- RAM ---

Result<void> check_ram_blocks(const Inspection& source, const Inspection& destination) {
  for (const auto& [name, size] : source.ram_blocks) {
    const auto there = destination.ram_blocks.find(name);
    if (there == destination.ram_blocks.end()) {
      std::vector<std::string> others;
      for (const auto& [other, unused] : destination.ram_blocks) {
        if (!source.ram_blocks.contains(other)) others.push_back(other);
      }
      const std::string instead =
          others.empty() ? "" : fmt::format(" (it has {} instead)", listed(others));
      return fail(ErrorCode::kBadInput,
                  fmt::format("the destination has no RAM block '{}'{}", name, instead),
                  "RAM blocks are named by devices and by the ids of memory backends: start the "
                  "destination with the source's command line");
    }
    if (there->second != size) {
      return differs(fmt::format("the size of RAM block '{}'", name), human(size),
                     human(there->second));
    }
  }
  return {};
}

// --- virtio ---

/// The device of that name. Null where several have it, as on two root buses with the same
/// addresses: which of them is meant is not known.
const VirtioShape* only_named(const std::string& name, const Inspection& side) {
  const auto named = [&name](const VirtioShape& one) { return one.device == name; };
  const auto first = std::find_if(side.virtio.begin(), side.virtio.end(), named);
  const bool one = std::count_if(first, side.virtio.end(), named) == 1;
  return one ? &*first : nullptr;
}

Result<void> check_virtio(const Inspection& source, const Inspection& destination) {
  for (const VirtioShape& here : source.virtio) {
    const VirtioShape* there = only_named(here.device, destination);
    // devices were compared
    if (there == nullptr || only_named(here.device, source) == nullptr) continue;
    std::vector<std::string> missing;
    std::set_difference(here.taken.begin(), here.taken.end(), there->offered.begin(),
                        there->offered.end(), std::back_inserter(missing));
    if (missing.empty()) continue;
    return fail(ErrorCode::kBadInput,
                fmt::format("{}: the guest's driver uses {}, which the destination does not offer",
                            here.device, listed(missing)),
                "give the device the same backend on both sides (vhost, tap with vnet_hdr, …), and "
                "the same properties");
  }
  return {};
}

}  // namespace

Result<Warnings> check_same_machine(const PreflightFacts& facts) {
  Warnings warnings;
  const Inspection& source = facts.source_has;
  const Inspection& destination = facts.destination_has;
  GODWIT_CHECK_OK(check_basics(facts.source, facts.destination));
  GODWIT_CHECK_OK(check_machine(facts));
  GODWIT_CHECK_OK(check_cpu(source.cpu, destination.cpu, warnings));
  GODWIT_CHECK_OK(check_model(facts, warnings));
  GODWIT_CHECK_OK(check_devices(facts));
  GODWIT_CHECK_OK(check_ram_blocks(source, destination));
  GODWIT_CHECK_OK(check_virtio(source, destination));
  return warnings;
}

}  // namespace godwit::preflight
