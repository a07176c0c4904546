#pragma once

#include <vector>

#include "godwit/schedule/paths.h"

/// What connections get that share links, and that nobody holds back. Pure.

namespace godwit::schedule {

struct Flow {
  std::vector<Paths::Link> path;
  double limit = 0;  ///< bytes per second that it can use at most
  double rate = 0;   ///< what it gets
};

/// Max-min fairness by progressive filling (Bertsekas and Gallager, Data Networks, section 6.5.2):
/// sets each flow's rate.
void share_fairly(std::vector<Flow>& flows, const std::vector<SharedLink>& links);

}  // namespace godwit::schedule
