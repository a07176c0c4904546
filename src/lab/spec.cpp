#include "godwit/lab/spec.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "godwit/base/quantity.h"

namespace godwit::lab {
namespace {

constexpr std::size_t kLongestName = 16;
constexpr Bytes kLeastRam{96LL << 20};  // the guest's kernel and image need about 70 MiB
constexpr Bytes kMiB{1LL << 20};
constexpr int kMostVcpus = 16;
// Linux takes 2048 bytes on x86 (COMMAND_LINE_SIZE), of which the image's own options need 250.
constexpr std::size_t kLongestLoad = 1024;
constexpr Bytes kMostDisk{1LL << 40};  // beyond that a typing error is likelier
// The slowest at which a migration ends in a person's lifetime; the fastest that tbf keeps to here.
constexpr BytesPerSecond kLeastRate{1e6};
constexpr BytesPerSecond kMostRate{1e9};
// Below, what the machine itself takes is no small part of it; half the way round the Earth and to
// a satellite takes less.
constexpr Seconds kLeastRoundTrip{0.001};
constexpr Seconds kMostRoundTrip{1};

bool is_letter(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_name_character(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
}

/// A load becomes one word of the guest's kernel command line: no space, quote or pattern.
bool is_load_character(char c) {
  return is_name_character(c) || (c >= 'A' && c <= 'Z') ||
         std::string_view("-=,./+;@:%").find(c) != std::string_view::npos;
}

Bytes memory_of_this_machine() {
  return Bytes(static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE));
}

Result<void> validate_ram(const GuestSpec& spec) {
  if (spec.ram < kLeastRam || spec.ram.count() % kMiB.count() != 0) {
    return fail(ErrorCode::kBadInput,
                fmt::format("guest {} can't have {} of memory", spec.name, human(spec.ram)),
                fmt::format("give whole MiB, at least {}", human(kLeastRam)));
  }
  if (spec.ram > memory_of_this_machine()) {
    return fail(ErrorCode::kBadInput,
                fmt::format("guest {} wants {}, this machine has {}", spec.name, human(spec.ram),
                            human(memory_of_this_machine())),
                "give it less memory");
  }
  return {};
}

Result<void> validate_disk(const GuestSpec& spec) {
  if (!spec.disk && spec.own_disks) {
    return fail(ErrorCode::kBadInput,
                fmt::format("guest {} has no disk that could be each host's own", spec.name),
                "give it a disk");
  }
  if (spec.qcow2 && !spec.own_disks) {
    return fail(ErrorCode::kBadInput,
                fmt::format("guest {}'s disk can't be qcow2: the hosts share it", spec.name),
                "give each host a disk of its own");
  }
  if (!spec.disk) return {};
  if (*spec.disk >= kMiB && *spec.disk <= kMostDisk && spec.disk->count() % kMiB.count() == 0) {
    return {};
  }
  return fail(ErrorCode::kBadInput,
              fmt::format("guest {} can't have a disk of {}", spec.name, human(*spec.disk)),
              fmt::format("give whole MiB, {} at most", human(kMostDisk)));
}

}  // namespace

bool runs_programs(std::string_view load) {
  constexpr std::string_view kKind = "program,";
  for (std::size_t at = load.find(kKind); at != std::string_view::npos;
       at = load.find(kKind, at + 1)) {
    if (at == 0 || load[at - 1] == '+' || load[at - 1] == ';') return true;
  }
  return false;
}

Result<void> validate_name(std::string_view what, std::string_view name) {
  const bool good = !name.empty() && name.size() <= kLongestName && is_letter(name.front()) &&
                    std::all_of(name.begin(), name.end(), is_name_character);
  if (good) return {};
  return fail(ErrorCode::kBadInput, fmt::format("'{}' is no name for a {}", name, what),
              "use 1 to 16 of a-z, 0-9 and _, a letter first");
}

Link migration_link(const LabSpec& spec) {
  Link link{spec.migration_rate, {}};
  if (spec.round_trip > Seconds(0)) link.round_trip = spec.round_trip;
  return link;
}

Result<void> validate(const LabSpec& spec) {
  GODWIT_CHECK_OK(validate_name("lab", spec.name));
  if (spec.hosts.size() < 2 || spec.hosts.size() > 16) {
    return fail(ErrorCode::kBadInput, fmt::format("a lab of {} hosts", spec.hosts.size()),
                "name 2 to 16 hosts");
  }
  std::set<std::string_view> taken{kClient, "switch"};
  for (const std::string& host : spec.hosts) {
    GODWIT_CHECK_OK(validate_name("host", host));
    if (!taken.insert(host).second) {
      return fail(ErrorCode::kBadInput, fmt::format("the host name '{}' is taken", host),
                  "give each host a name of its own; 'client' and 'switch' are the lab's");
    }
  }
  if (spec.migration_rate < kLeastRate || spec.migration_rate > kMostRate) {
    return fail(ErrorCode::kBadInput,
                fmt::format("a migration network of {}", human(spec.migration_rate)),
                fmt::format("give a rate from {} to {}", human(kLeastRate), human(kMostRate)));
  }
  const Seconds there_and_back = spec.round_trip;
  if (there_and_back == Seconds(0) ||
      (there_and_back >= kLeastRoundTrip && there_and_back <= kMostRoundTrip)) {
    return {};
  }
  return fail(
      ErrorCode::kBadInput,
      fmt::format("a migration network with a round trip of {:g} ms", there_and_back.count() * 1e3),
      fmt::format("give none, or one from {} to {}", human(kLeastRoundTrip),
                  human(kMostRoundTrip)));
}

Result<void> validate(const GuestSpec& spec) {
  GODWIT_CHECK_OK(validate_name("guest", spec.name));
  GODWIT_CHECK_OK(validate_name("host", spec.host));
  GODWIT_CHECK_OK(validate_ram(spec));
  GODWIT_CHECK_OK(validate_disk(spec));
  if (spec.vcpus < 1 || spec.vcpus > kMostVcpus) {
    return fail(ErrorCode::kBadInput, fmt::format("guest {} with {} vCPUs", spec.name, spec.vcpus),
                fmt::format("give 1 to {}", kMostVcpus));
  }
  if (spec.load.empty() || spec.load.size() > kLongestLoad ||
      !std::all_of(spec.load.begin(), spec.load.end(), is_load_character)) {
    return fail(ErrorCode::kBadInput, fmt::format("'{}' is no load", spec.load),
                "say idle, or for example memory-write,set=64MiB,rate=10MB/s");
  }
  return {};
}

}  // namespace godwit::lab
