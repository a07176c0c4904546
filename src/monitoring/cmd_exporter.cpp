#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "godwit/base/log.h"
#include "godwit/engine/history.h"
#include "godwit/engine/recovery.h"
#include "godwit/lab/lab.h"
#include "godwit/metrics/metrics.h"
#include "godwit/metrics/server.h"
#include "godwit/monitoring/commands.h"
#include "godwit/monitoring/watch_all.h"
#include "godwit/store/journal.h"
#include "godwit/terminal/options.h"
#include "godwit/watch/watcher.h"

namespace godwit::monitoring {
namespace {

struct ExporterOptions {
  std::string listen = "127.0.0.1:9817";
  std::vector<std::string> all;
  std::string lab{lab::kDefaultLab};
  terminal::StoreOption store;
  terminal::VerdictOptions verdict;
};

/// The store is asked so often for what Godwit's own migrations left.
constexpr Seconds kReadEvery{5};

/// Its end is told by the store, which knows what was predicted, too.
bool driven_here(const engine::Places& places, const watch::Followed& one) {
  const auto file = places.journal();
  const auto entries =
      file ? store::read_journal(*file) : Result<std::vector<JournalEntry>>(fail(file.error()));
  if (!entries || one.identity.empty()) return false;
  return std::any_of(entries->begin(), entries->end(), [&one](const JournalEntry& entry) {
    return entry.source_identity == one.identity && engine::is_driven(entry);
  });
}

/// Nobody named it: what is watched is served all the same.
Result<std::unique_ptr<OutcomeStore>> open_store(const ExporterOptions& options,
                                                 const engine::Places& places) {
  auto store = engine::open_store(places, options.store.path);
  if (store || !options.store.path.empty()) return store;
  log::warning("Godwit's own migrations are not counted: {}", store.error().message);
  return std::unique_ptr<OutcomeStore>();
}

/// Empty where there is no store.
metrics::Metrics::KeptAfter reader_of(OutcomeStore* store) {
  if (store == nullptr) return {};
  return [store](std::int64_t id, std::int64_t limit) {
    return engine::kept_after(*store, id, limit);
  };
}

/// Until a stop request.
void read_store(const metrics::Metrics::KeptAfter& kept_after, metrics::Metrics& metrics,
                Clock& clock, const std::stop_token& stop) {
  bool said = false;
  while (clock.wait_until(clock.now() + kReadEvery, stop)) {
    if (!kept_after) continue;
    const auto read = metrics.count_new(kept_after);
    if (!read && !said) log::warning("{}", read.error().message);
    said = !read;
  }
}

/// Serves and watches until a stop request, or until something fails that trying again won't mend.
Result<void> serve(const ExporterOptions& options, const Intent& intent,
                   const std::vector<watch::Target>& targets, terminal::Context& context) {
  GODWIT_TRY(const auto store, open_store(options, context.places));
  metrics::Metrics metrics(
      [&context](const watch::Followed& one) { return driven_here(context.places, one); });
  const auto kept_after = reader_of(store.get());
  GODWIT_TRY(const auto server, metrics::Server::listen(options.listen, metrics, kept_after));
  context.out.line(Json{{"event", "serving"}, {"address", server->address()}});
  context.out.say(
      fmt::format("serving http://{}/metrics (Ctrl-C or SIGTERM ends it)", server->address()));
  std::stop_source end;
  const std::stop_callback on_stop(context.stop, [&end] { end.request_stop(); });
  watch::Watcher watcher(context.clock, terminal::engine_maker(context, options.lab),
                         watch::libvirt_lookouts(context.clock, end.get_token()), intent, metrics);
  Result<void> watched;
  std::jthread watching([&] {
    if (targets.empty()) return;
    watched = watcher.run(targets, end.get_token());
    end.request_stop();
  });
  read_store(kept_after, metrics, context.clock, end.get_token());
  watching.join();
  return watched;
}

int run_exporter(const ExporterOptions& options, terminal::Context& context) {
  context.out.begin_lines();
  const auto intent = options.verdict.value();
  if (!intent) return context.out.error(intent.error());
  const auto targets = parse_targets(options.all);
  if (!targets) return context.out.error(targets.error());
  const auto served = serve(options, *intent, *targets, context);
  return served ? terminal::kDone : context.out.error(served.error());
}

}  // namespace

void add_exporter(terminal::Command& app, terminal::Chosen& chosen) {
  auto options = std::make_shared<ExporterOptions>();
  terminal::Command* command = app.add_subcommand(
      "exporter",
      "serve metrics to Prometheus: of the migrations that are under way at hosts and VMs, whoever "
      "started them, and of those that Godwit itself drove. Changes nothing");
  command
      ->add_option("--listen", options->listen,
                   "where to serve /metrics; other hosts reach it at another address than this")
      ->type_name("ADDRESS:PORT")
      ->capture_default_str();
  command
      ->add_option("--all", options->all,
                   "what is watched, as for watch: libvirt's URIs (qemu:///system, libvirt:URI), "
                   "addresses of VMs, paths of QMP sockets")
      ->type_name("HOST...");
  options->verdict.add_to(*command);
  options->store.add_to(*command);
  terminal::add_lab_name(*command, options->lab);
  terminal::add_examples(*command, {"godwit exporter --all qemu:///system",
                                    "godwit exporter --listen 0.0.0.0:9817 --all qemu:///system",
                                    "godwit exporter --all /run/vms/*.qmp --max-downtime 300ms"});
  command->callback([&chosen, options] {
    chosen.lab = lab_entry_of(options->all, options->lab);
    chosen.action = [options](terminal::Context& context) {
      return run_exporter(*options, context);
    };
  });
}

}  // namespace godwit::monitoring
