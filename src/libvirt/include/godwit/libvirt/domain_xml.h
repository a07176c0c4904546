#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/domain/hypervisor.h"

/// What libvirt's XML says (https://libvirt.org/formatdomain.html). Pure.

namespace godwit::libvirt {

struct DomainDisk {
  Disk disk;  ///< Disk::device is the target's name: "vda"
  /// "file", "block", "network" …: where its contents lie.
  std::string type;
  bool shareable = false;
};

/// A running domain, as far as a migration cares for it.
struct DomainFacts {
  std::string name;
  std::string uuid;
  std::string type;  ///< "kvm", "qemu" (emulated)
  std::string emulator;
  std::string arch;
  std::string machine;    ///< "pc-q35-10.0"
  std::string cpu;        ///< the element itself, as libvirt's comparison wants it; may be empty
  std::string cpu_model;  ///< "Nehalem"; its mode where it names no model
  int vcpus = 0;
  Bytes memory;  ///< plugged memory included
  /// Blocks of it as the hypervisor has them: by NUMA node, and of each plugged module.
  std::vector<Bytes> memory_blocks;
  std::vector<DomainDisk> disks;
  std::vector<std::string> networks;      ///< libvirt's networks that its interfaces are on
  std::vector<std::string> host_devices;  ///< "pci", "usb", … as far as they are passed through
  std::vector<std::string> host_folders;  ///< passed through by 9p: their tags
};

/// kCorrupt where it is no domain's.
Result<DomainFacts> parse_domain(std::string_view xml);

/// The UUID of the host itself, by its capabilities; empty where they have none.
[[nodiscard]] std::string host_uuid_of(std::string_view capabilities);

}  // namespace godwit::libvirt
