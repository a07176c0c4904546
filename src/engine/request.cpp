#include "godwit/engine/request.h"

#include <fmt/format.h>

#include "godwit/steer/laws.h"

namespace godwit::engine {
namespace {

/// What only a prediction can tell cannot be promised without one.
Result<void> check_without_profile(const Request& request) {
  const char* needs = request.rehearse ? "--rehearse"

                      : request.intent.max_slowdown                        ? "--max-slowdown"
                      : request.intent.max_bytes                           ? "--max-bytes"
                      : request.intent.prefer != Intent::Prefer::kDowntime ? "--prefer"
                                                                           : nullptr;
  if (needs == nullptr) return {};
  return fail(ErrorCode::kBadInput, fmt::format("{} and --no-profile contradict each other", needs),
              "leave one of them out; nothing is predicted without a profile");
}

}  // namespace

std::string technique_name(const Request& request) {
  if (request.technique) return full_name(*request.technique, request.storage);
  return request.storage ? fmt::format("auto{}", kStorageSuffix) : "auto";
}

Result<void> check(const Request& request) {
  GODWIT_CHECK_OK(steer::law_by_name(request.law));
  if (!request.profile) GODWIT_CHECK_OK(check_without_profile(request));
  const bool postcopy = request.technique && uses_postcopy(*request.technique);
  if (!postcopy || !request.intent.no_postcopy) return {};
  return fail(ErrorCode::kBadInput,
              fmt::format("--technique {} and --no-postcopy contradict each other",
                          technique_name(request)),
              "leave one of them out");
}

}  // namespace godwit::engine
