#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::hmp {

/// The devices of `info qtree`: all that are on a bus, with the properties that they were made
/// with. One question shows what QOM tells in a thousand, and nothing in it changes while the guest
/// runs. Places are made of addresses and types, so that names (which differ between hosts) and the
/// order of the list do not matter. Pure; kProtocol when the text is not what it should be.
Result<std::vector<DeviceShape>> parse_qtree(std::string_view text);

/// Where a device is that can have a drive.
struct DrivePlace {
  std::string drive;  ///< the drive's name, or its block node's; empty without any
  std::string id;     ///< the user's name for the device, or for the one that it is a part of
  std::string place;  ///< as DeviceShape::place
  friend bool operator==(const DrivePlace&, const DrivePlace&) = default;
};
/// Of the same text. Errors as above.
Result<std::vector<DrivePlace>> parse_drives(std::string_view text);

}  // namespace godwit::hmp
