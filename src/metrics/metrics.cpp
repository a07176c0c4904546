#include "godwit/metrics/metrics.h"

#include <prometheus/text_serializer.h>

#include <utility>

#include "godwit/base/log.h"
#include "state.h"

namespace godwit::metrics {
namespace {

/// Of the store at once: its rows can be large.
constexpr std::int64_t kRecordsAtOnce = 200;

}  // namespace

Metrics::Metrics(std::function<bool(const watch::Followed&)> driven_here)
    : state_(std::make_shared<State>()), driven_here_(std::move(driven_here)) {}
Metrics::~Metrics() = default;

void Metrics::reached(const std::string& target) {
  state_->set_reached(target, true);
}

void Metrics::lost(const std::string& target, const Error& why) {
  log::warning("{} can't be reached: {}; it is tried again", target, why.message);
  state_->set_reached(target, false);
}

void Metrics::began(const watch::Followed& one) {
  state_->begin(one, driven_here_ && driven_here_(one));
}

void Metrics::on_progress(const watch::Followed& one, const control::Progress& now) {
  state_->progress(one, now);
}

void Metrics::warning(const watch::Followed& one, const std::string& text) {
  log::warning("{}: {}", one.vm, text);
}

/// The journal's entry may be gone by now: who drove it was asked while it ran.
void Metrics::ended(const watch::Followed& one, const MigrationOutcome& outcome) {
  const bool own = state_->end(one);
  if (!own) state_->count(outcome);
}

Result<void> Metrics::count_new(const KeptAfter& kept_after) {
  while (true) {
    GODWIT_TRY(const std::vector<OutcomeRecord> records, kept_after(last_id_, kRecordsAtOnce));
    for (const OutcomeRecord& record : records) {
      state_->count(record.outcome);
      if (record.predicted) state_->judge(*record.predicted, record.outcome);
      last_id_ = record.id;
    }
    if (static_cast<std::int64_t>(records.size()) < kRecordsAtOnce) return {};
  }
}

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(state_->Collect());
}

}  // namespace godwit::metrics
