#pragma once

#include <optional>
#include <string>
#include <vector>

#include "godwit/domain/stream_carrier.h"

namespace godwit::pair {

/// Carries nothing; tells what it was told.
class FakeCarrier final : public StreamCarrier {
 public:
  using Rates = std::vector<std::optional<BytesPerSecond>>;
  explicit FakeCarrier(Rates& rates) : rates_(rates) {}

  [[nodiscard]] std::string uri() const override { return "unix:/run/relay/stream"; }
  Result<void> set_rate(std::optional<BytesPerSecond> rate) override {
    rates_.push_back(rate);
    return {};
  }
  [[nodiscard]] std::optional<Error> failure() const override { return broken; }

  std::optional<Error> broken;

 private:
  Rates& rates_;
};

}  // namespace godwit::pair
