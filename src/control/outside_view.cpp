#include "outside_view.h"

namespace godwit::control {
namespace {

constexpr Seconds kPatience{5};
/// Late answers are worth waiting for: they tell delayed from lost.
constexpr Seconds kLinger{0.3};

}  // namespace

Result<void> OutsideView::start_probe() {
  return probe_ == nullptr ? Result<void>() : probe_->start(kPatience);
}

void OutsideView::mark_wire() {
  if (wire_ == nullptr) return;
  if (const auto sent = wire_->sent()) before_ = *sent;
}

std::optional<Bytes> OutsideView::sent() const {
  if (!before_) return std::nullopt;
  const auto sent = wire_->sent();
  return sent ? std::optional(*sent - *before_) : std::nullopt;
}

std::optional<Seconds> OutsideView::outage() {
  if (probe_ == nullptr) return std::nullopt;
  const auto seen = probe_->stop(kLinger);
  return seen ? std::optional(seen->outage()) : std::nullopt;
}

}  // namespace godwit::control
