#pragma once

#include <linux/capability.h>
#include <sys/xattr.h>

#include <string>

namespace godwit {

/// As the package gives them to godwit-memory: `setcap cap_sys_ptrace,cap_dac_read_search+ep`
/// (vfs_cap_data, linux/capability.h). False where this user can't.
inline bool give_memory_helper_rights(const std::string& program) {
  vfs_cap_data capability{};
  capability.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE;
  for (const int one : {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH}) {
    capability.data[CAP_TO_INDEX(one)].permitted |= CAP_TO_MASK(one);
  }
  return ::setxattr(program.c_str(), "security.capability", &capability, XATTR_CAPS_SZ_2, 0) == 0;
}

}  // namespace godwit
