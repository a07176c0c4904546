// One line of a hostile peer, through every decoder that could meet its content.
#include <cstdint>
#include <string_view>

#include "decode.h"
#include "decode_sharing.h"
#include "godwit/qmp/message.h"
#include "godwit/qmp/schema.h"

namespace {
/// What is reckoned with a status anywhere: none of it may end the process.
void reckon(const godwit::MigrationStatus& status) {
  using godwit::PageCount;
  const godwit::Bytes size = status.page_size.value_or(godwit::Bytes(4096));
  const bool power_of_two = size.count() > 0 && (size.count() & (size.count() - 1)) == 0;
  const godwit::PageSize page(power_of_two ? size.count() : 4096);
  const PageCount sent =
      status.normal_pages.value_or(PageCount()) + status.zero_pages.value_or(PageCount());
  const PageCount ever = sent + page.pages_for(status.remaining.value_or(godwit::Bytes()));
  static_cast<void>(page.bytes_of(ever) + status.total.value_or(godwit::Bytes()));
  if (status.throughput && status.total_time) {
    static_cast<void>(*status.throughput * *status.total_time);
  }
}

void decode_all(const godwit::Json& json) {
  using namespace godwit::qemu;
  static_cast<void>(decode_version(json));
  static_cast<void>(decode_run_state(json));
  if (const auto status = decode_migration(json)) reckon(*status);
  static_cast<void>(decode_capabilities(json));
  if (const auto parameters = decode_parameters(json)) {
    static_cast<void>(encode_parameters(*parameters));
  }
  static_cast<void>(decode_disks(json));
  static_cast<void>(decode_disk_traffic(json));
  static_cast<void>(decode_jobs(json));
  static_cast<void>(decode_nodes(json));
  static_cast<void>(decode_exports(json));
  static_cast<void>(decode_node_bitmaps(json));
  static_cast<void>(decode_block_exports(json));
  static_cast<void>(decode_graph(json));
  static_cast<void>(decode_node_settings(json, "disk0"));
  static_cast<void>(decode_vcpus(json));
  if (json.is_string()) static_cast<void>(decode_registers(json.get<std::string>()));
  if (const auto schema = godwit::qmp::Schema::parse(json))
    static_cast<void>(schema->capabilities());
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message =
      godwit::qmp::parse_message(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!message) return 0;
  if (const auto* event = std::get_if<godwit::qmp::QmpEvent>(&*message)) {
    static_cast<void>(godwit::qemu::decode_event(*event));
  }
  if (const auto* reply = std::get_if<godwit::qmp::Reply>(&*message)) {
    if (const auto* json = std::get_if<godwit::Json>(&reply->result)) decode_all(*json);
  }
  return 0;
}
