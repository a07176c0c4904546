#pragma once

#include "godwit/codec/codec.h"

namespace godwit {

/// {"device", "size_bytes", "allocated_bytes", "writes": null or {"chunk_bytes", "observed_s",
/// "classes": [{"chunks", "writes_per_s"}]}}.
Json to_json(const DiskProfile& disk);
Result<DiskProfile> disk_profile_from_json(const Json& json);

}  // namespace godwit
