#include "run_request.h"

#include <nlohmann/json.hpp>

#include "console_observer.h"

#include "godwit/codec/codec.h"
#include "godwit/terminal/migration_page.h"
#include "godwit/terminal/observed_json.h"

namespace godwit::cli {
namespace {

Json json_of(const Attempt& attempt) {
  const OutcomeRecord& record = *attempt.done;
  Json object{{"outcome", to_json(record.outcome)}};
  if (attempt.rehearsed) object["rehearsal"] = terminal::json_of(*attempt.rehearsed);
  if (record.predicted) object["predicted"] = to_json(*record.predicted);
  if (record.profile) object["profile"] = to_json(*record.profile);
  if (record.link) put_link(*record.link, object);
  if (record.id != 0) object["id"] = record.id;  // where it was kept
  return object;
}

}  // namespace

void put_link(const Link& link, Json& object) {
  object["link_bytes_per_s"] = link.rate.value();
  if (link.round_trip) object["round_trip_ms"] = link.round_trip->count() * 1e3;
}

Attempt run_request(engine::Engine& engine, engine::OpenPair pair, const engine::Request& request,
                    terminal::Context& context) {
  Attempt attempt;
  attempt.vm_was_open = true;
  ConsoleObserver observer(context);
  const auto planned = engine.plan(pair, request, observer);
  attempt.predicted = planned ? planned->before.predicted : observer.prediction();
  if (planned) attempt.rehearsed = planned->rehearsed;
  attempt.done = planned ? engine.execute(pair, *planned, observer)
                         : Result<OutcomeRecord>(fail(planned.error()));
  return attempt;
}

int print_attempt(const Attempt& attempt, terminal::Context& context, bool plot) {
  if (attempt.done) {
    const std::string pictures = plot ? terminal::pictures_text(*attempt.done) : "";
    if (!pictures.empty()) context.out.say("\n" + pictures);
    context.out.result(json_of(attempt));
    return attempt.done->outcome.status == OutcomeStatus::kCompleted ? terminal::kDone
                                                                     : terminal::kFailed;
  }
  // An Error means that nothing was started: the VM is where it was, if there is one yet.
  Json partial = Json::object();
  if (attempt.vm_was_open) partial["vm_runs_on"] = to_string(VmRunsOn::kSource);
  if (attempt.predicted) partial["predicted"] = to_json(*attempt.predicted);
  return context.out.error(attempt.done.error(), partial);
}

}  // namespace godwit::cli
