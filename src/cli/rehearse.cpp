#include "rehearse.h"

#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "godwit/base/log.h"
#include "godwit/base/quantity.h"
#include "godwit/pair/sink_session.h"
#include "godwit/store/journal.h"
#include "godwit/store/paths.h"
#include "progress_bar.h"

namespace godwit::cli {
Result<control::Rehearsal> rehearse_vm(OpenVm& vm, const std::string& name, Context& context) {
  GODWIT_TRY(const auto journal_path, store::default_journal_path(std::getenv));
  store::FileJournal journal(journal_path);
  ProgressBar bar(context.clock, context.out.bar_stream());
  control::RehearsalOptions options;
  options.on_progress = [&bar](Ratio done) { bar.draw(done.value(), {}, "rehearsing"); };
  const auto sink =
      pair::make_sink_session(context.clock, *vm.hypervisor, end_of(name, vm), &journal);
  return control::rehearse(context.clock, *sink, options, context.stop);
}

std::string rehearsal_text(const control::Rehearsal& rehearsal) {
  std::string out = fmt::format("  rehearsed for {}", human(rehearsal.took));
  if (rehearsal.first_pass) {
    out += fmt::format(", of it {} at full speed", human(*rehearsal.first_pass));
  }
  out += fmt::format("; the guest stood still for {} at most", human(rehearsal.longest_stop));
  if (rehearsal.ended_early) out += fmt::format("\n  ended early: {}", *rehearsal.ended_early);
  return out;
}

Json rehearsal_json(const control::Rehearsal& rehearsal) {
  return Json{
      {"took_s", rehearsal.took.count()},
      {"first_pass_s", rehearsal.first_pass ? Json(rehearsal.first_pass->count()) : Json(nullptr)},
      {"longest_stop_ms", Milliseconds(rehearsal.longest_stop).count()},
      {"ended_early", rehearsal.ended_early ? Json(*rehearsal.ended_early) : Json(nullptr)}};
}

}  // namespace godwit::cli
