#include "watch_profile.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "godwit/base/json.h"
#include "godwit/base/quantity.h"
#include "godwit/codec/codec.h"
#include "godwit/store/line_log.h"

namespace godwit::cli {
namespace {

std::string line_of(const GuestProfile& profile) {
  const DirtyPoint& last = profile.dirty_curve.back();
  std::string line = fmt::format("{} unique in {}, {:.0f} % zero pages", human(last.unique),
                                 human(last.window), profile.zero_share.value() * 100);
  if (profile.vcpu_use) line += fmt::format(", vCPU use {:.0f} %", *profile.vcpu_use * 100);
  return line;
}

/// Where the profiles go.
class Kept {
 public:
  explicit Kept(bool json) : json_(json) {}
  Result<void> open(const std::string& file) {
    if (file.empty()) return {};
    GODWIT_TRY(store::LineLog log, store::LineLog::open(file));
    log_.emplace(std::move(log));
    return {};
  }
  Result<void> add(const GuestProfile& profile) {
    ++count_;
    const Json json = to_json(profile);
    if (log_) return log_->append(json_text(json));
    if (json_) profiles_.push_back(json);
    return {};
  }
  [[nodiscard]] Json result() const {
    return log_ ? Json{{"count", count_}} : Json{{"count", count_}, {"profiles", profiles_}};
  }
  [[nodiscard]] int count() const { return count_; }

 private:
  bool json_;
  int count_ = 0;
  std::optional<store::LineLog> log_;
  Json profiles_ = Json::array();
};

Result<void> watch(const WatchOptions& options, terminal::Context& context,
                   const std::function<Result<GuestProfile>()>& observe, Kept& kept) {
  GODWIT_CHECK_OK(kept.open(options.file));
  while (!options.times || kept.count() < *options.times) {
    const TimePoint next = context.clock.now() + options.every;
    const auto profile = observe();
    const bool stopped = !profile && profile.error().code == ErrorCode::kInterrupted;
    if (stopped && kept.count() > 0) return {};
    if (!profile) return fail(profile.error());
    GODWIT_CHECK_OK(kept.add(*profile));
    context.out.say(line_of(*profile));
    const bool last = options.times && kept.count() >= *options.times;
    if (!last && !context.clock.wait_until(next, context.stop)) return {};
  }
  return {};
}

}  // namespace

int watch_profile(const WatchOptions& options, terminal::Context& context,
                  const std::function<Result<GuestProfile>()>& observe) {
  if (context.out.json() && !options.times && options.file.empty()) {
    return context.out.error({ErrorCode::kBadInput, "--json would keep every profile until the end",
                              "say how many with --times, or name a file with -o"});
  }
  Kept kept(context.out.json());
  const auto watched = watch(options, context, observe, kept);
  if (!watched) return context.out.error(watched.error(), kept.result());
  context.out.result(kept.result());
  return terminal::kDone;
}

}  // namespace godwit::cli
