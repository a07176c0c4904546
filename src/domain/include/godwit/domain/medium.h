#pragma once

#include <string>

#include "godwit/domain/hypervisor.h"

namespace godwit {

/// What is behind a disk, by the name that the hypervisor gives it.
struct Medium {
  enum class Kind {
    kNone,     ///< an empty drive
    kFile,     ///< a file or a block device of its host
    kNetwork,  ///< somewhere that every host reaches by the same name
    kOther,    ///< of its host alone, or unknown
  };
  Kind kind = Kind::kNone;
  std::string path;  ///< of kFile; may be relative to the process's folder
};

/// "/srv/disk.qcow2", "rbd:pool/image", "nbd://host/disk", "json:{…}": in that form filters and
/// formats are looked through down to the protocol that reads the bytes.
[[nodiscard]] Medium medium_of(const Disk& disk);

}  // namespace godwit
