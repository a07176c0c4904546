#include "godwit/engine/history.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "godwit/store/outcome_store.h"

namespace godwit::engine {
namespace {

namespace fs = std::filesystem;
using Store = store::SqliteOutcomeStore;

/// What an earlier version kept elsewhere, copied here once; that file stays as it is.
Result<void> take_over(const fs::path& older, const fs::path& file) {
  std::error_code missing;
  if (fs::exists(file, missing)) return {};
  GODWIT_TRY(const auto store, Store::open(older));
  const auto copied = store->copy_to(file);
  const bool somebody_was_faster = !copied && fs::exists(file, missing);
  return somebody_was_faster ? Result<void>() : copied;
}

Result<std::unique_ptr<Store>> open_usual(const Places& places, const fs::path& file) {
  if (const auto older = places.older_outcomes()) GODWIT_CHECK_OK(take_over(*older, file));
  return Store::open(file);
}

/// Another place helps, where nobody named this one and it is unfit.
void add_a_way_out(Error& error) {
  const bool place_is_unfit = error.code != ErrorCode::kBusy && error.code != ErrorCode::kCorrupt &&
                              error.code != ErrorCode::kUnsupported;
  if (!place_is_unfit) return;
  if (error.code != ErrorCode::kPermission) error.code = ErrorCode::kEnvironment;
  error.what_to_do = {"mend that, name a file with ", Setting::kStore,
                      ", or set XDG_DATA_HOME to a folder that can be written"};
}

}  // namespace

Result<std::unique_ptr<OutcomeStore>> open_store(const Places& places, const std::string& file) {
  if (!file.empty()) {
    GODWIT_TRY(auto named, Store::open(file));
    return std::unique_ptr<OutcomeStore>(std::move(named));
  }
  GODWIT_TRY(const fs::path usual, places.outcomes());
  auto opened = open_usual(places, usual);
  if (opened) return std::unique_ptr<OutcomeStore>(std::move(*opened));
  add_a_way_out(opened.error());
  return fail(std::move(opened).error());
}

Result<std::vector<OutcomeRecord>> kept_after(OutcomeStore& opened, std::int64_t id,
                                              std::int64_t limit) {
  return dynamic_cast<Store&>(opened).kept_after(id, limit);
}

}  // namespace godwit::engine
