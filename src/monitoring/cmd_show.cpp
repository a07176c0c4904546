#include <fmt/format.h>

#include <memory>
#include <optional>

#include "godwit/codec/codec.h"
#include "godwit/engine/history.h"
#include "godwit/monitoring/commands.h"
#include "godwit/terminal/migration_page.h"
#include "godwit/terminal/options.h"
#include "godwit/terminal/write_file.h"

namespace godwit::monitoring {
namespace {

struct ShowOptions {
  std::optional<int> id;
  terminal::StoreOption store;
  std::string html;
  std::string svg;
};

/// The one of that number, else the newest.
Result<OutcomeRecord> chosen_record(const ShowOptions& options, const terminal::Context& context) {
  GODWIT_TRY(const auto store, engine::open_store(context.places, options.store.path));
  std::vector<OutcomeRecord> found;
  if (options.id) {
    GODWIT_TRY(found, engine::kept_after(*store, *options.id - 1, 1));
  } else {
    HistoryQuery newest;
    newest.limit = 1;
    GODWIT_TRY(found, store->find(newest));
  }
  if (found.empty() && !options.id) {
    return fail(ErrorCode::kNotFound, "no migrations kept yet",
                "godwit migrate keeps each; a store elsewhere is named by --store");
  }
  if (found.empty() || (options.id && found.front().id != *options.id)) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no migration {}", *options.id),
                "godwit history lists those that are kept");
  }
  return std::move(found.front());
}

Result<void> write_files(const ShowOptions& options, const OutcomeRecord& record) {
  if (!options.html.empty()) {
    GODWIT_CHECK_OK(terminal::write_file(options.html, terminal::page_html(record)));
  }
  if (!options.svg.empty()) {
    GODWIT_CHECK_OK(terminal::write_file(options.svg, terminal::page_svg(record)));
  }
  return {};
}

int show(const ShowOptions& options, terminal::Context& context) {
  const auto record = chosen_record(options, context);
  if (!record) return context.out.error(record.error());
  if (const auto written = write_files(options, *record); !written) {
    return context.out.error(written.error());
  }
  if (options.html.empty() && options.svg.empty()) context.out.say(terminal::page_text(*record));
  context.out.result(to_json(*record));
  return terminal::kDone;
}

}  // namespace

void add_show(terminal::Command& app, terminal::Chosen& chosen) {
  auto options = std::make_shared<ShowOptions>();
  terminal::Command* command = app.add_subcommand(
      "show", "one migration that was kept: prediction and outcome, rounds, orders, as pictures");
  command->add_option("ID", options->id, "its number in godwit history (default: the newest)");
  command->add_option("--html", options->html, "write it as a page that opens offline")
      ->type_name("FILE");
  command->add_option("--svg", options->svg, "write the pictures alone")->type_name("FILE");
  options->store.add_to(*command);
  terminal::add_examples(*command, {"godwit show", "godwit show 12 --html migration.html",
                                    "godwit show 12 --svg migration.svg"});
  command->callback([&chosen, options] {
    chosen.action = [options](terminal::Context& context) { return show(*options, context); };
  });
}

}  // namespace godwit::monitoring
