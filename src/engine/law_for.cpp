#include "law_for.h"

#include "godwit/steer/laws.h"

namespace godwit::engine {

Result<std::unique_ptr<steer::Law>> law_for(const PlannedMigration& planned) {
  steer::Known known;
  if (planned.before.profile) known.profile = &*planned.before.profile;
  if (planned.before.link) known.link = *planned.before.link;
  known.pair = planned.hosts;
  return steer::law_by_name(planned.requested.law, known);
}

}  // namespace godwit::engine
