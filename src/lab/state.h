#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/lab/spec.h"

namespace godwit::lab {

/// A guest as the lab's record has it.
struct GuestRecord {
  GuestSpec spec;
  int index = 0;  ///< gives its address, MAC, tap and migration port; free ones are reused
  std::string accelerator;  ///< the same on all hosts, or it could not migrate
  std::string image;        ///< folder
  /// Hosts that hold a QEMU of it: first the one where it is at home, then the incoming one.
  std::vector<std::string> hosts;
  friend bool operator==(const GuestRecord&, const GuestRecord&) = default;
};

/// What is written down of a lab (lab.json in its folder), always before the thing itself is made.
struct LabRecord {
  LabSpec spec;
  bool complete = false;  ///< the networks are up
  std::string boot;       ///< of the kernel that has the namespaces: /run may outlive it
  std::vector<GuestRecord> guests;
  friend bool operator==(const LabRecord&, const LabRecord&) = default;

  /// Null when there is no such guest.
  [[nodiscard]] GuestRecord* find(std::string_view guest);
};

inline constexpr int kMostGuests = 100;  // addresses 10.77.0.100–199

/// Pure. Decoding gives kCorrupt, and checks names and ranges, since paths are made of them.
std::string encode(const LabRecord& record);
Result<LabRecord> decode(std::string_view text);

/// kNotFound without a file. Writing is atomic.
Result<LabRecord> load_record(const std::string& lab);
Result<void> save_record(const LabRecord& record);

/// The kernel's boot id.
std::string boot_id();

}  // namespace godwit::lab
