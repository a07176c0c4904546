#include "switchover.h"

#include <utility>

namespace godwit::storage {

Result<void> go_on(Hypervisor& source) {
  auto going = source.continue_switchover();
  const bool refused = !going && (going.error().code == ErrorCode::kRefused ||
                                  going.error().code == ErrorCode::kUnsupported);
  return refused ? std::move(going) : Result<void>();
}

}  // namespace godwit::storage
