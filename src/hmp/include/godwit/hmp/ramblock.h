#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"

/// Readers of the three texts of QEMU's human monitor from which the place of guest RAM in the QEMU
/// process is found. Pure; kProtocol when a text is not what it should be.

namespace godwit::hmp {

/// A line of `info ramblock`.
struct RamBlockLine {
  std::string name;  ///< empty: a block that is not migrated
  Bytes used;
  Bytes most{};                               ///< that it can grow to
  std::optional<std::uint64_t> host_address;  ///< column HVA, since QEMU 8.0
};
Result<std::vector<RamBlockLine>> parse_ramblock(std::string_view text);

/// Guest-physical memory that shows a part of a RAM region (`info mtree -f`, as CPUs see memory).
struct MappedRegion {
  std::string region;  ///< without its owner: "vga.vram" of block "0000:00:02.0/vga.vram"
  std::uint64_t guest_address = 0;
  std::uint64_t offset = 0;  ///< within the region
};
Result<std::vector<MappedRegion>> parse_mtree(std::string_view text);

/// `gpa2hva`: the host address behind a guest-physical one, and the region that it lies in.
struct HostAddress {
  std::string region;
  std::uint64_t address = 0;
};
Result<HostAddress> parse_gpa2hva(std::string_view text);

}  // namespace godwit::hmp
