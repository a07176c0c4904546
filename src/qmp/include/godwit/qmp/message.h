#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "godwit/qmp/qmp_client.h"

/// What one line on the socket means. Pure.

namespace godwit::qmp {

struct Greeting {
  Json version;
  bool oob = false;  ///< it offers commands out of band, which a busy main loop does not hold up
};
struct Reply {
  std::optional<std::int64_t> id;  ///< absent when QEMU could not even read the command
  std::variant<Json, QmpRefusal> result;
};
using Message = std::variant<Greeting, Reply, QmpEvent>;

/// kProtocol when the line is no QMP message.
Result<Message> parse_message(std::string_view line);

/// kProtocol: QEMU's answer to `question` cannot be read.
Error unreadable(std::string_view question, std::string_view detail);

/// The beginning of what a peer said, fit for one line of a message to people.
std::string excerpt(std::string_view bytes);

}  // namespace godwit::qmp
