#pragma once

#include <optional>
#include <string>

#include "godwit/base/error.h"
#include "godwit/base/units.h"

namespace godwit {

/// Carries one migration's connections from the source's hypervisor to its destination, and paces
/// them. It ends with its object, and with this process: the migration's link is cut then.
class StreamCarrier {
 public:
  StreamCarrier() = default;
  StreamCarrier(const StreamCarrier&) = delete;
  StreamCarrier& operator=(const StreamCarrier&) = delete;
  virtual ~StreamCarrier() = default;

  /// Where the source's hypervisor connects to instead: "unix:/run/…", or "tcp:127.0.0.1:PORT". It
  /// takes further connections when those before have broken: a post-copy is resumed there.
  [[nodiscard]] virtual std::string uri() const = 0;
  /// Of all connections together; absent: as much as the link carries. kBadInput below 100 kB/s.
  virtual Result<void> set_rate(std::optional<BytesPerSecond> rate) = 0;
  /// The first thing that went wrong on the way; absent while nothing has.
  [[nodiscard]] virtual std::optional<Error> failure() const = 0;
};

}  // namespace godwit
