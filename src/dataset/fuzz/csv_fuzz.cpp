// Tables come from anywhere: any bytes are a table, or an error that says why not.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "godwit/dataset/campaign.h"
#include "godwit/dataset/dirty_rates.h"
#include "godwit/dataset/mvm_executions.h"
#include "godwit/dataset/openstack_profiles.h"
#include "godwit/dataset/precopy_rounds.h"
#include "godwit/dataset/qmp_traces.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto rounds = godwit::dataset::read_precopy_rounds(text);
  const auto traces = godwit::dataset::read_qmp_traces(text);
  const auto monitored = godwit::dataset::read_openstack_profiles(text);
  const auto rates = godwit::dataset::read_dirty_rates(text);
  if (!rates && rates.error().message.empty()) std::abort();
  const auto executions = godwit::dataset::read_mvm_executions(text);
  if (!executions && executions.error().message.empty()) std::abort();
  const auto campaign = godwit::dataset::read_campaign(text, {});
  const auto profiles = godwit::dataset::read_campaign("run,number", text);
  if (!monitored && monitored.error().message.empty()) std::abort();
  if (!campaign && campaign.error().message.empty()) std::abort();
  if (!profiles && profiles.error().message.empty()) std::abort();
  if (!rounds && rounds.error().message.empty()) std::abort();
  if (!traces && traces.error().message.empty()) std::abort();
  return 0;
}
