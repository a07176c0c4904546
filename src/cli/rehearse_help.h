#pragma once

namespace godwit::cli {

inline constexpr const char* kRehearseHelp =
    "then also migrate it into nowhere for some seconds and cancel: QEMU's own dirty bitmap sees "
    "what hashes miss, but the guest is slowed meanwhile";

}  // namespace godwit::cli
