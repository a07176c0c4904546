#include "godwit/qmp/message.h"

#include <fmt/format.h>

#include <algorithm>

#include "godwit/base/json_reader.h"

namespace godwit::qmp {
namespace {

tl::unexpected<Error> not_qmp(std::string_view line, std::string_view why) {
  return fail(ErrorCode::kProtocol, fmt::format("not a QMP message ({}): {}", why, excerpt(line)),
              "check that the socket is a QEMU's QMP monitor (-qmp unix:PATH,server=on,wait=off)");
}

Result<Message> parse_event(const Json& json, std::string_view line) {
  JsonReader in(json, "event");
  QmpEvent event;
  event.name = in.text("event");
  if (const Json* data = in.find("data")) event.data = *data;
  if (const Json* stamp = in.find("timestamp")) {
    JsonReader time(*stamp, "event.timestamp");
    const std::int64_t seconds = time.integer("seconds");
    const std::int64_t microseconds = time.integer("microseconds");
    if (time.error()) return not_qmp(line, time.error()->message);
    // QEMU writes -1 when the host could not tell; the bound keeps the sum within 64 bits
    const bool told = seconds >= 0 && seconds < 1'000'000'000'000 && microseconds >= 0 &&
                      microseconds < 1'000'000;
    if (told) event.wall_us = seconds * 1'000'000 + microseconds;
  }
  if (in.error()) return not_qmp(line, in.error()->message);
  if (!event.data.is_object()) return not_qmp(line, "event data that is no object");
  return Message(std::move(event));
}

Result<Message> parse_reply(Json& json, std::string_view line) {
  JsonReader in(json, "reply");
  Reply reply;
  reply.id = in.maybe_integer("id");
  if (in.error()) return not_qmp(line, in.error()->message);
  if (const auto value = json.find("return"); value != json.end()) {
    reply.result = std::move(*value);
    return Message(std::move(reply));
  }
  JsonReader error(json.at("error"), "error");
  QmpRefusal refusal{error.text("class"), error.text("desc")};
  if (error.error()) return not_qmp(line, error.error()->message);
  reply.result = std::move(refusal);
  return Message(std::move(reply));
}

}  // namespace

Result<Message> parse_message(std::string_view line) {
  auto json = parse_json(line);
  if (!json) return not_qmp(line, "torn or no JSON");
  if (!json->is_object()) return not_qmp(line, "no object");
  if (json->contains("event")) return parse_event(*json, line);
  if (json->contains("return") || json->contains("error")) return parse_reply(*json, line);
  if (const auto greeting = json->find("QMP"); greeting != json->end()) {
    if (greeting->is_object() && greeting->contains("version")) {
      const auto offers = greeting->find("capabilities");
      const bool oob = offers != greeting->end() && offers->is_array() &&
                       std::find(offers->begin(), offers->end(), Json("oob")) != offers->end();
      return Message(Greeting{greeting->at("version"), oob});
    }
  }
  return not_qmp(line, "neither greeting, reply nor event");
}

std::string excerpt(std::string_view bytes) {
  constexpr std::size_t kShown = 60;
  std::string shown(bytes.substr(0, kShown));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '.');
  return fmt::format("\"{}{}\"", shown, bytes.size() > kShown ? "…" : "");
}

Error unreadable(std::string_view question, std::string_view detail) {
  return {ErrorCode::kProtocol,
          fmt::format("cannot read QEMU's answer to {}: {}", question, excerpt(detail)),
          "report this with the QEMU version"};
}

}  // namespace godwit::qmp
