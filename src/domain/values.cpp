#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "godwit/domain/address.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/prediction.h"
#include "godwit/domain/session.h"

namespace godwit {

const Disk* counterpart(const Disk& disk, const std::vector<Disk>& others) {
  const auto found = std::find_if(others.begin(), others.end(), [&disk](const Disk& other) {
    return disk.place.empty() || other.place.empty()
               ? disk.place == other.place && disk.device == other.device
               : disk.place == other.place;
  });
  return found == others.end() ? nullptr : &*found;
}

const TechniquePrediction* find(const Prediction& prediction, Technique technique) {
  for (const TechniquePrediction& one : prediction.predictions) {
    if (one.technique == technique) return &one;
  }
  return nullptr;
}

CapabilitySet capabilities_needed(Technique technique) {
  CapabilitySet needed;
  if (technique.streams == Streams::kMultifd) needed.insert(Capability::kMultifd);
  if (technique.codec == Codec::kXbzrle) needed.insert(Capability::kXbzrle);
  if (technique.codec == Codec::kCompress) needed.insert(Capability::kCompress);
  if (technique.throttle == Throttle::kAutoConverge) needed.insert(Capability::kAutoConverge);
  if (uses_postcopy(technique)) needed.insert(Capability::kPostcopyRam);
  return needed;
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

bool was_steered(const MigrationOutcome& outcome) {
  constexpr int kAfterFirstPass = 2;
  return std::any_of(outcome.orders.begin(), outcome.orders.end(), [](const AppliedOrder& one) {
    const bool late = one.order.switch_to_postcopy && one.round > kAfterFirstPass;
    return one.refused.empty() && (one.order.changes_limits() || late);
  });
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

Result<void> check_receiver(const MigrationStatus& status, const std::string& uri) {
  const bool waits = status.phase == MigrationPhase::kNone;
  if (!waits && status.phase != MigrationPhase::kSetup) {
    return fail(ErrorCode::kBadInput,
                fmt::format("the destination has had a migration already (phase {})",
                            to_string(status.phase)),
                fmt::format("{}, with -incoming defer", advice_on(Receiving::kSpent)));
  }
  if (status.listens_on.empty()) {
    if (waits) return {};
    return fail(ErrorCode::kBadInput,
                "the destination waits for a stream already, and does not say at which address",
                "start it with -incoming defer, or -incoming tcp:ADDRESS:PORT");
  }
  if (uri.empty() || listens_as_asked(status.listens_on, uri)) return {};
  return fail(ErrorCode::kBadInput,
              fmt::format("the destination listens on {} already, not on {}",
                          fmt::join(status.listens_on, " and "), uri),
              fmt::format("name the address that it listens on after the @; {}",
                          advice_on(Receiving::kListens)));
}

void MigrationSession::leave(MigrationOutcome& outcome) {
  outcome.status = OutcomeStatus::kFailed;
  outcome.vm_runs_on = VmRunsOn::kUnknown;
  outcome.reason = "the watching was ended on request; the migration goes on by itself";
}

}  // namespace godwit
