// One line of a hostile peer, through every decoder that could meet its content.
#include <cstdint>
#include <string_view>

#include "decode.h"
#include "godwit/qmp/schema.h"
#include "message.h"

namespace {
void decode_all(const godwit::Json& json) {
  using namespace godwit::qmp;
  static_cast<void>(decode_version(json));
  static_cast<void>(decode_run_state(json));
  static_cast<void>(decode_migration(json));
  static_cast<void>(decode_capabilities(json));
  static_cast<void>(decode_parameters(json));
  static_cast<void>(decode_disks(json));
  static_cast<void>(decode_pci(json));
  static_cast<void>(decode_children(json));
  static_cast<void>(decode_vcpus(json));
  if (json.is_string()) static_cast<void>(decode_registers(json.get<std::string>()));
  if (const auto schema = Schema::parse(json)) static_cast<void>(schema->capabilities());
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message =
      godwit::qmp::parse_message(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!message) return 0;
  if (const auto* event = std::get_if<godwit::qmp::QmpEvent>(&*message)) {
    static_cast<void>(godwit::qmp::decode_event(*event));
  }
  if (const auto* reply = std::get_if<godwit::qmp::Reply>(&*message)) {
    if (const auto* json = std::get_if<godwit::Json>(&reply->result)) decode_all(*json);
  }
  return 0;
}
