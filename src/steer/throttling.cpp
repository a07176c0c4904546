#include "throttling.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "godwit/base/quantity.h"
#include "order_of.h"

namespace godwit::steer {
namespace {

/// Of the round that has just ended; nothing where it can't be told.
struct Rates {
  double sent = 0;  ///< bytes per second
  double dirtied = 0;
};
std::optional<Rates> rates_of(const RoundRecord& round) {
  if (!round.dirtied || round.duration <= Seconds(0) || round.sent <= Bytes()) return std::nullopt;
  return Rates{round.sent.as_double() / round.duration.count(),
               round.dirtied->as_double() / round.duration.count()};
}

Order quota(double share, double before, std::string why) {
  Order order;
  if (share == before) return order;
  order.cpu_quota = Ratio(share);
  order.why = std::move(why);
  return order;
}

std::string compared(const Rates& rates) {
  return fmt::format("the guest dirties {}, {} are sent", human(BytesPerSecond(rates.dirtied)),
                     human(BytesPerSecond(rates.sent)));
}

}  // namespace

Order Jin::after_round(const RoundView& view) {
  constexpr double kFloor = 0.2;
  const auto rates = rates_of(view.rounds.back());
  if (!rates || rates->dirtied <= 0) return {};
  const double e = view.cpu_quota.value();
  const double next = std::clamp(c_ * rates->sent * e / rates->dirtied, kFloor, 1.0);
  return quota(next, e, compared(*rates));
}

Order Sdps::after_round(const RoundView& view) {
  constexpr double kLeast = 0.01;
  const auto rates = rates_of(view.rounds.back());
  if (!rates || rates->dirtied < rates->sent) return {};
  const double e = view.cpu_quota.value();
  return quota(std::max(e * rates->sent / rates->dirtied, kLeast), e, compared(*rates));
}

Order CloudHypervisor::at_look(const RoundView& view) {
  constexpr Seconds kTimeOut{3600};
  return view.elapsed > kTimeOut ? give_up("it takes longer than an hour") : Order{};
}

}  // namespace godwit::steer
