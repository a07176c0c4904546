#include "godwit/schedule/fair_share.h"

#include <algorithm>
#include <limits>

namespace godwit::schedule {
namespace {

constexpr double kFull = 1e-9;  ///< of a limit: what is nearer to it has reached it

}  // namespace

void share_fairly(std::vector<Flow>& flows, const std::vector<SharedLink>& links) {
  std::vector<double> left(links.size());
  for (std::size_t i = 0; i < links.size(); ++i) left[i] = links[i].capacity.value();
  std::vector<int> crossing(links.size());
  std::vector<bool> held(flows.size());
  std::size_t free = flows.size();
  for (Flow& flow : flows) {
    flow.rate = 0;
    for (const Paths::Link link : flow.path) ++crossing[link];
  }
  while (free > 0) {
    double step = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < flows.size(); ++i) {
      if (held[i]) continue;
      step = std::min(step, flows[i].limit - flows[i].rate);
      for (const Paths::Link link : flows[i].path) {
        step = std::min(step, left[link] / crossing[link]);
      }
    }
    for (std::size_t i = 0; i < flows.size(); ++i) {
      if (held[i]) continue;
      flows[i].rate += step;
      for (const Paths::Link link : flows[i].path) left[link] -= step;
    }
    for (std::size_t i = 0; i < flows.size(); ++i) {
      Flow& flow = flows[i];
      if (held[i]) continue;
      const bool full = std::any_of(flow.path.begin(), flow.path.end(), [&](Paths::Link link) {
        return left[link] <= kFull * links[link].capacity.value();
      });
      if (!full && flow.limit - flow.rate > kFull * flow.limit) continue;
      held[i] = true;
      --free;
      for (const Paths::Link link : flow.path) --crossing[link];
    }
  }
}

}  // namespace godwit::schedule
