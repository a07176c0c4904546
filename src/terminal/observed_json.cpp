#include "godwit/terminal/observed_json.h"

#include <nlohmann/json.hpp>

#include "godwit/model/seen_share.h"

namespace godwit::terminal {

Json json_of(const engine::Rehearsed& rehearsed) {
  Json object{{"rehearsed", rehearsed.rehearsal.has_value()}, {"why", rehearsed.why}};
  if (rehearsed.failed) object["failed"] = rehearsed.failed->message;
  if (!rehearsed.rehearsal) return object;
  const control::Rehearsal& done = *rehearsed.rehearsal;
  object["took_s"] = done.took.count();
  object["first_pass_s"] = done.first_pass ? Json(done.first_pass->count()) : Json(nullptr);
  object["longest_stop_ms"] = Milliseconds(done.longest_stop).count();
  object["ended_early"] = done.ended_early ? Json(*done.ended_early) : Json(nullptr);
  return object;
}

Json seen_json(const GuestProfile& profile) {
  Json all = Json::array();
  for (const model::SeenShare& seen : model::seen_shares(profile)) {
    all.push_back(Json{{"source", to_string(seen.source)},
                       {"window_s", seen.window.count()},
                       {"share", seen.share.value()}});
  }
  return all;
}

}  // namespace godwit::terminal
