#pragma once

#include "godwit/codec/codec.h"

namespace godwit {

/// {"slot_s", "slots", "pages", "changed"}: of each page that changed a text in which each digit of
/// base 16 stands for four slots, the first as its highest bit.
Json to_json(const WriteTrace& trace);
Result<WriteTrace> write_trace_from_json(const Json& json);

}  // namespace godwit
