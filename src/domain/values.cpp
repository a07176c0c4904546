#include <fmt/format.h>

#include "godwit/domain/address.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/prediction.h"

namespace godwit {

const TechniquePrediction* find(const Prediction& prediction, Technique technique) {
  for (const TechniquePrediction& one : prediction.predictions) {
    if (one.technique == technique) return &one;
  }
  return nullptr;
}

CapabilitySet capabilities_needed(Technique technique) {
  switch (technique) {
    case Technique::kAutoConverge:
      return {Capability::kAutoConverge};
    case Technique::kXbzrle:
      return {Capability::kXbzrle};
    case Technique::kCompress:
      return {Capability::kCompress};
    case Technique::kMultifd:
    case Technique::kMultifdZlib:
    case Technique::kMultifdZstd:
      return {Capability::kMultifd};
    case Technique::kPostcopy:
    case Technique::kHybrid:
      return {Capability::kPostcopyRam};
    case Technique::kPrecopy:
    case Technique::kStopAndCopy:
    case Technique::kCold:
    case Technique::kColdZstd:
      return {};
  }
  return {};
}

Bytes total_size(const RamLayout& layout) {
  Bytes total;
  for (const RamBlock& block : layout.blocks) total = capped_sum(total, block.size);
  return total;
}

Result<StorageOffer> as_reached(StorageOffer offer, const std::string& listen,
                                const std::string& stream) {
  const auto there = tcp_address_of(listen);
  const auto seen = tcp_address_of(stream);
  if (!offer.socket.empty() || !there || !seen) return offer;
  offer.host = seen->host;
  offer.port += seen->port - there->port;
  if (offer.port > 0 && offer.port <= 65535) return offer;
  return fail(ErrorCode::kBadInput,
              fmt::format("no port is left beside {} for the disks' stream", stream),
              "choose a port below 65500 for the stream");
}

std::string_view advice_on(Receiving receiving) {
  switch (receiving) {
    case Receiving::kReady:
      return "this destination can be used again as it is";
    case Receiving::kListens:
      return "this destination can be used again: it listens still";
    case Receiving::kSpent:
      return "this destination cannot be used again: end its QEMU and start it anew";
  }
  return {};
}

PageCount pages_sent(const MigrationStatus& status) {
  return status.normal_pages.value_or(PageCount()) + status.zero_pages.value_or(PageCount());
}

PageSize page_size(const MigrationStatus& status) {
  constexpr std::int64_t kUsual = 4096;
  const std::int64_t said = status.page_size.value_or(Bytes(kUsual)).count();
  const bool power_of_two = said > 0 && (said & (said - 1)) == 0;
  return PageSize(power_of_two ? said : kUsual);
}

}  // namespace godwit
