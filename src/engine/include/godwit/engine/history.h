#pragma once

#include <memory>
#include <string>
#include <vector>

#include "godwit/domain/ports.h"
#include "godwit/engine/places.h"

namespace godwit::engine {

/// The store of outcomes in a file that the user named, or, where `file` is empty, the usual one.
/// The usual one for root takes over what an earlier version kept in root's own folder. Errors as
/// the store's; where nobody named the place, with the advice to name another.
Result<std::unique_ptr<OutcomeStore>> open_store(const Places& places, const std::string& file);
/// What such a store kept after the record of that id: the oldest so many, oldest first.
Result<std::vector<OutcomeRecord>> kept_after(OutcomeStore& opened, std::int64_t id,
                                              std::int64_t limit);

}  // namespace godwit::engine
