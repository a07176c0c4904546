#pragma once

#include <string_view>

#include "godwit/base/json_reader.h"
#include "godwit/qmp/message.h"

namespace godwit::qemu {

/// The error that a reader found, as QEMU's fault.
inline Result<void> checked(const JsonReader& in, std::string_view question) {
  if (in.error()) return fail(qmp::unreadable(question, in.error()->message));
  return {};
}

}  // namespace godwit::qemu
