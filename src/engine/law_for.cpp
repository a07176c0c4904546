#include "law_for.h"

namespace godwit::engine {

steer::Known known_of(const PlannedMigration& planned) {
  steer::Known known;
  if (planned.before.profile) known.profile = &*planned.before.profile;
  if (planned.before.link) known.link = *planned.before.link;
  known.pair = planned.hosts;
  if (planned.expected) known.expected = &*planned.expected;
  return known;
}

Result<std::unique_ptr<steer::Law>> law_for(const PlannedMigration& planned) {
  return steer::law_by_name(planned.requested.law, known_of(planned));
}

}  // namespace godwit::engine
