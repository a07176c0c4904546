#pragma once

#include <optional>

#include "godwit/domain/ports.h"

namespace godwit::control {

/// What is measured of a migration from outside, as far as somebody is there to look.
class OutsideView {
 public:
  /// Either may be null.
  OutsideView(OutageProbe* probe, WireCounter* wire) : probe_(probe), wire_(wire) {}

  /// Returns once the guest has answered.
  Result<void> start_probe();
  /// From here on bytes count.
  void mark_wire();
  /// Since the mark; absent where the counter can't be read.
  [[nodiscard]] std::optional<Bytes> sent() const;
  /// Ends probing.
  [[nodiscard]] std::optional<Seconds> outage();

 private:
  OutageProbe* probe_;
  WireCounter* wire_;
  std::optional<Bytes> before_;
};

}  // namespace godwit::control
