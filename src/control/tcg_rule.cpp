#include "godwit/control/tcg_rule.h"

#include <fmt/format.h>

namespace godwit::control {
namespace {
constexpr int kFirstSoundTcg = 9;
}

Result<void> refuse_unsafe(const VmDescription& vm) {
  if (vm.accelerator != "tcg" || vm.version_major >= kFirstSoundTcg) return {};
  return fail(ErrorCode::kUnsupported,
              fmt::format("migrating would corrupt this guest: QEMU {} without KVM (TCG) loses "
                          "writes made while memory is being copied",
                          vm.version),
              "run the VM on QEMU 9 or newer, or with KVM");
}

}  // namespace godwit::control
