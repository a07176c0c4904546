#include "godwit/domain/tcg_rule.h"

#include <fmt/format.h>

namespace godwit {
namespace {
constexpr int kFirstSoundTcg = 9;
}

Result<void> refuse_unsafe(const VmDescription& vm, Technique technique) {
  if (vm.accelerator != "tcg" || vm.version_major >= kFirstSoundTcg) return {};
  if (!copies_while_running(technique)) return {};
  return fail(
      ErrorCode::kUnsupported,
      fmt::format("{} would corrupt this guest: QEMU {} without KVM (TCG) loses writes made "
                  "while memory is being copied",
                  to_string(technique), vm.version),
      "run the VM on QEMU 9 or newer, or with KVM, or choose stop-and-copy");
}

}  // namespace godwit
