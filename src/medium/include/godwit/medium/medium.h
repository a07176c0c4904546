#pragma once

#include <optional>
#include <string>

#include "godwit/domain/hypervisor.h"

namespace godwit {

/// What is behind a disk, by the name that the hypervisor gives it.
struct Medium {
  enum class Kind {
    kNone,     ///< an empty drive
    kFile,     ///< a file or a block device of its host
    kHandle,   ///< a descriptor that was handed to the process: its name tells nothing
    kNetwork,  ///< somewhere that every host reaches
    kOther,    ///< of its host alone, or unknown
  };
  Kind kind = Kind::kNone;
  std::string path{};      ///< of kFile; may be relative to the process's folder
  std::string protocol{};  ///< of kNetwork, as the rest: "rbd", "iscsi", "nbd" …
  /// Who has it, with the port. Empty where the name says enough: an iSCSI target is named once in
  /// the world, and an RBD image is found by its cluster's configuration.
  std::string server{};
  std::string name{};  ///< "pool/image", "iqn…/0", an export, a path
};

/// "/srv/disk.qcow2", "rbd:pool/image", "nbd://host/disk", "json:{…}": in that form filters and
/// formats are looked through down to the protocol that reads the bytes. Options of the way there
/// (users, configuration files, an iSCSI portal, caches) are left out.
[[nodiscard]] Medium medium_of(const Disk& disk);

/// Do both names, each read on its own host, lead to one medium? Nothing where names do not tell:
/// of files, descriptors, and servers with several names.
[[nodiscard]] std::optional<bool> is_one_medium(const Medium& a, const Medium& b);

/// The number in "/dev/fdset/2".
[[nodiscard]] std::optional<int> fd_set_of(const Disk& disk);

}  // namespace godwit
