#include "godwit/steer/laws.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "godwit_law.h"
#include "kubevirt.h"
#include "stepped_limits.h"
#include "throttling.h"

namespace godwit::steer {
namespace {

struct Entry {
  LawName name;
  std::unique_ptr<Law> (*make)();
};

template <class Kind>
std::unique_ptr<Law> plain() {
  return std::make_unique<Kind>();
}
template <IterationSteps::Schedule (*schedule)()>
std::unique_ptr<Law> ovirt() {
  return std::make_unique<IterationSteps>(schedule());
}

/// "jin,c=0.6" is the law `jin` with a C of its own; no other has parameters.
std::string_view name_in(std::string_view law) {
  return law.substr(0, law.find(','));
}

std::optional<double> number_in(std::string_view text) {
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = read.ec == std::errc() && read.ptr == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

/// `parameter`: what follows the comma.
Result<std::unique_ptr<Law>> jin_with(std::string_view parameter) {
  constexpr std::string_view kKey = "c=";
  const auto c =
      parameter.starts_with(kKey) ? number_in(parameter.substr(kKey.size())) : std::nullopt;
  if (c && *c > 0 && *c <= 1) return std::make_unique<Jin>(*c);
  return fail(ErrorCode::kBadInput, fmt::format("the law jin has no parameter '{}'", parameter),
              "give its C, above 0 and at most 1, such as jin,c=0.6; or jin alone, which is 0.8");
}

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all{
      {{kNoLaw, "QEMU as it is"}, plain<AsPlanned>},
      {{"auto-converge", "QEMU's own throttle"}, plain<AutoConverge>},
      {{"jin", "Jin's vCPU scheduling (jin,c=0.6: with that C)", QuotaUse::kMust}, plain<Jin>},
      {{"sdps", "VMware's, by Ramanathan: slow until it converges", QuotaUse::kMust}, plain<Sdps>},
      {{"nova", "OpenStack's downtime steps"}, plain<Nova>},
      {{"ovirt-minimal-downtime", "oVirt's schedule"}, ovirt<ovirt_minimal_downtime>},
      {{"ovirt-suspend", "oVirt's schedule"}, ovirt<ovirt_suspend>},
      {{"ovirt-post-copy", "oVirt's schedule"}, ovirt<ovirt_post_copy>},
      {{"ovirt-very-large", "oVirt's schedule"}, ovirt<ovirt_very_large>},
      {{"proxmox", "doubling of the downtime limit"}, plain<Proxmox>},
      {{"kubevirt-legacy", "time limits by size"}, plain<KubevirtLegacy>},
      {{"kubevirt-stall", "its stall detector"}, plain<KubevirtStall>},
      {{"kubevirt-ramp", "its ramp of downtime limits"}, plain<KubevirtRamp>},
      {{"cloud-hypervisor", "a limit and an hour"}, plain<CloudHypervisor>}};
  return all;
}

constexpr LawName kOwn{kOwnLaw, "predicts what each order would do, and gives the cheapest",
                       QuotaUse::kMay};

Result<std::unique_ptr<Law>> own(const Known& known) {
  if (known.profile == nullptr) return std::make_unique<AsPlanned>();
  GODWIT_TRY(twin::Forecaster forecaster,
             twin::Forecaster::make(*known.profile, known.link, known.pair));
  return std::make_unique<GodwitLaw>(std::move(forecaster));
}

}  // namespace

std::vector<LawName> law_names() {
  std::vector<LawName> names{kOwn};
  for (const Entry& entry : entries()) names.push_back(entry.name);
  return names;
}

QuotaUse quota_use_of(std::string_view law) {
  const std::vector<LawName> names = law_names();
  const auto found = std::find_if(names.begin(), names.end(),
                                  [law](const LawName& one) { return one.name == name_in(law); });
  return found == names.end() ? QuotaUse::kNever : found->quota;
}

Result<bool> may_order(std::string_view name, const MigrationPlan& plan, bool profiled) {
  if (name == kOwn.name) return profiled && GodwitLaw::may_steer(plan);
  GODWIT_TRY(const auto law, law_by_name(name));
  return law->engages(plan);
}

Result<std::unique_ptr<Law>> law_by_name(std::string_view name, const Known& known) {
  if (name == kOwn.name) return own(known);
  if (name.starts_with("jin,")) return jin_with(name.substr(name.find(',') + 1));
  std::vector<std::string_view> all{kOwn.name};
  for (const Entry& entry : entries()) {
    if (entry.name.name == name) return entry.make();
    all.push_back(entry.name.name);
  }
  return fail(ErrorCode::kBadInput, fmt::format("unknown control law '{}'", name),
              fmt::format("choose one of: {}", fmt::join(all, ", ")));
}

}  // namespace godwit::steer
