#include "godwit/engine/request.h"

#include <fmt/format.h>

#include <optional>

#include "godwit/domain/combination_rule.h"
#include "godwit/steer/laws.h"

namespace godwit::engine {
namespace {

/// What only a prediction can tell cannot be promised without one.
Result<void> check_without_profile(const Request& request) {
  std::optional<Setting> needs;
  if (request.intent.prefer != Intent::Prefer::kDowntime) needs = Setting::kPrefer;
  if (request.intent.max_bytes) needs = Setting::kMaxBytes;
  if (request.intent.max_slowdown) needs = Setting::kMaxSlowdown;
  if (request.rehearse == Rehearse::kAlways) needs = Setting::kRehearse;
  if (!needs) return {};
  return fail(ErrorCode::kBadInput,
              "nothing is predicted without a profile, and what is asked for needs a prediction",
              {"leave ", *needs, " or ", Setting::kNoProfile, " out"});
}

/// Shares go with what they are shares of; and a rest that follows needs both hosts.
Result<void> check_shares(const Request& request) {
  const MigrationParameters& fixed = request.parameters;
  if (fixed.precopy_share && !(request.technique && uses_postcopy(*request.technique))) {
    return fail(ErrorCode::kBadInput, "only post-copy leaves a share of memory for afterwards",
                {"choose ",
                 {Setting::kTechnique, "hybrid"},
                 ", or leave ",
                 Setting::kPrecopyMemory,
                 " out"});
  }
  if (!fixed.precopy_storage) return {};
  if (!moves_disks(request)) {
    return fail(
        ErrorCode::kBadInput, "the disks stay where they are: no share of them is copied",
        {"add +storage to the technique's name, or leave ", Setting::kPrecopyStorage, " out"});
  }
  if (!leaves_disks_behind(fixed) || !request.intent.no_postcopy) return {};
  return fail(
      ErrorCode::kBadInput,
      "a part of the disks would follow the guest, which needs both hosts meanwhile: that is "
      "post-copy, which is excluded",
      {"leave ", Setting::kPrecopyStorage, " or ", Setting::kNoPostcopy, " out"});
}

}  // namespace

bool moves_disks(const Request& request) {
  return request.technique ? request.technique->storage : request.storage;
}

std::string technique_name(const Request& request) {
  if (request.technique) return to_string(*request.technique);
  return request.storage ? fmt::format("auto{}", kStorageSuffix) : "auto";
}

std::string law_of(const Request& request) {
  return request.law.value_or(std::string(request.technique ? kNoLaw : steer::kOwnLaw));
}

Result<void> check(const Request& request) {
  GODWIT_CHECK_OK(steer::law_by_name(law_of(request)));
  if (request.technique) GODWIT_CHECK_OK(check_combination(*request.technique));
  GODWIT_CHECK_OK(check_shares(request));
  if (!request.profile) GODWIT_CHECK_OK(check_without_profile(request));
  const bool postcopy = request.technique && uses_postcopy(*request.technique);
  if (!postcopy || !request.intent.no_postcopy) return {};
  return fail(
      ErrorCode::kBadInput,
      fmt::format("the technique {} uses post-copy, which is excluded", technique_name(request)),
      {"leave ", Setting::kTechnique, " or ", Setting::kNoPostcopy, " out"});
}

}  // namespace godwit::engine
