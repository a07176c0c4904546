#include "godwit/model/jin.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace godwit::model {
namespace {

/// p_i; rates beyond the last one given stay as it was.
BytesPerSecond rate_of(std::span<const BytesPerSecond> rates, int round) {
  if (rates.empty()) return BytesPerSecond{};
  return rates[std::min(static_cast<std::size_t>(round - 1), rates.size() - 1)];
}

}  // namespace

JinMigration jin_migration(const JinSetup& setup, std::span<const BytesPerSecond> dirty_rates) {
  JinMigration result;
  Seconds round_time = setup.memory / setup.bandwidth;  // t_1 = M / B
  for (int i = 1;; ++i) {
    result.total += round_time;
    result.rounds = i;
    result.downtime = round_time;
    if (i >= setup.max_rounds) break;
    const double dirtied = rate_of(dirty_rates, i).value() * round_time.count();  // p_i * t_i
    round_time = Seconds(dirtied / setup.bandwidth.value());
    if (dirtied <= setup.last_round_threshold.as_double()) {  // round i + 1 is the last
      result.total += round_time;
      result.rounds = i + 1;
      result.downtime = round_time;
      break;
    }
  }
  result.redundancy =
      Ratio(result.total.count() * setup.bandwidth.value() / setup.memory.as_double());
  return result;
}

Seconds jin_round_time(const JinSetup& setup, std::span<const BytesPerSecond> dirty_rates,
                       int round) {
  Seconds time = setup.memory / setup.bandwidth;
  for (int i = 1; i < round; ++i) time *= rate_of(dirty_rates, i) / setup.bandwidth;
  return time;
}

BytesPerSecond jin_barrier(const JinSetup& setup) {
  if (setup.max_rounds <= 1 || setup.last_round_threshold >= setup.memory) return setup.bandwidth;
  const double share = setup.last_round_threshold / setup.memory;
  return setup.bandwidth * Ratio(std::pow(share, 1.0 / (setup.max_rounds - 1)));
}

Seconds jin_work(const JinWork& migration) {
  return migration.time * migration.cpu_use.value();
}

Seconds jin_work_lost(const JinWork& first, const JinWork& second, Ratio destination_cpu_use) {
  return jin_work(first) - jin_work(second) -
         (first.time - second.time) * destination_cpu_use.value();
}

Ratio jin_cpu_share(Ratio current_share, BytesPerSecond dirty_rate, BytesPerSecond bandwidth,
                    Ratio target) {
  return Ratio(target.value() * (bandwidth / dirty_rate) * current_share.value());
}

double jin_weight(Ratio share, double other_weights) {
  return share.value() / (1.0 - share.value()) * other_weights;
}

}  // namespace godwit::model
