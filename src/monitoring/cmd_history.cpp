#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "godwit/codec/codec.h"
#include "godwit/engine/history.h"
#include "godwit/learn/drift.h"
#include "godwit/monitoring/commands.h"
#include "godwit/terminal/options.h"
#include "godwit/terminal/render.h"

namespace godwit::monitoring {
namespace {

struct HistoryOptions {
  terminal::StoreOption store;
  std::int64_t limit = 20;
};

Result<std::vector<OutcomeRecord>> newest(const HistoryOptions& options,
                                          const terminal::Context& context) {
  if (options.limit < 1) {
    return fail(ErrorCode::kBadInput, "--limit is below one",
                "ask for at least one, e.g. --limit 20");
  }
  GODWIT_TRY(const auto store, engine::open_store(context.places, options.store.path));
  HistoryQuery query;
  query.limit = options.limit;
  return store->find(query);
}

std::string drift_text(const learn::Drift& drift) {
  return fmt::format(
      "\nof the last {} predictions of total time {} held ({:+.0f} % off in the median): hosts, "
      "network or guests have changed; have what was measured since learnt: godwit learn --own",
      drift.migrations, drift.held, drift.bias * 100);
}

Json drift_json(const std::optional<learn::Drift>& drift) {
  if (!drift) return Json();
  return Json{
      {"migrations", drift->migrations}, {"held", drift->held}, {"bias_share", drift->bias}};
}

}  // namespace

void add_history(terminal::Command& app, terminal::Chosen& chosen) {
  auto options = std::make_shared<HistoryOptions>();
  terminal::Command* command =
      app.add_subcommand("history", "migrations kept, each with what had been predicted");
  options->store.add_to(*command);
  command->add_option("--limit", options->limit, "the newest so many")->capture_default_str();
  terminal::add_examples(*command, {"godwit history", "godwit history --limit 5 --json"});
  command->callback([&chosen, options] {
    chosen.action = [options](terminal::Context& context) {
      const auto records = newest(*options, context);
      if (!records) return context.out.error(records.error());
      context.out.say(terminal::history_text(*records));
      Json all = Json::array();
      for (const OutcomeRecord& record : *records) all.push_back(to_json(record));
      const auto drift = learn::drift_of(*records);
      if (drift) context.out.say(drift_text(*drift));
      context.out.result(Json{{"history", std::move(all)}, {"drift", drift_json(drift)}});
      return terminal::kDone;
    };
  });
}

}  // namespace godwit::monitoring
