#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "godwit/domain/outcome.h"
#include "godwit/engine/places.h"
#include "godwit/learn/learnt_model.h"
#include "godwit/twin/host_pair.h"

/// What was learnt of migrations, of all and of one pair of hosts.

namespace godwit::engine {

/// What `godwit learn` left in its usual place; null where there is nothing, or, with a warning in
/// the log, nothing that can be used.
std::shared_ptr<const learn::LearntModel> usual_model(const Places& places);

/// kNotFound, kCorrupt.
Result<learn::LearntModel> read_model(const std::filesystem::path& path);

/// What a model knows of a pair of hosts that nobody has seen; the stated constants without one.
twin::HostPairConstants usual_pair(const learn::LearntModel* model);
/// What migrations between one pair of hosts taught of it; as `usual` where there are too few.
twin::HostPairConstants learnt_pair(std::span<const OutcomeRecord> history,
                                    const twin::HostPairConstants& usual);

}  // namespace godwit::engine
