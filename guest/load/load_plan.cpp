#include "godwit/guest/load_plan.h"

#include <utility>

#include "godwit/guest/quantity.h"

namespace godwit::guest {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view whole) : whole_(whole) {}

  ParsedPlan run() {
    LoadPlan plan;
    for (const std::string_view text : split(whole_, '+')) {
      Track track;
      if (!parse_track(text, track)) return {std::nullopt, std::move(error_)};
      plan.tracks.push_back(std::move(track));
    }
    if (plan.loads() > kMostLoads) {
      return {std::nullopt, std::to_string(plan.loads()) + " loads are too many: at most " +
                                std::to_string(kMostLoads)};
    }
    return {std::move(plan), {}};
  }

 private:
  bool fail(std::string_view where, const std::string& what) {
    error_ = "character " + std::to_string(where.data() - whole_.data() + 1) + ": " + what;
    return false;
  }

  bool parse_track(std::string_view text, Track& track) {
    const auto phases = split(text, ';');
    for (const std::string_view phase : phases) {
      if (!parse_phase(phase, phases.size() > 1, track)) return false;
    }
    return true;
  }

  bool parse_phase(std::string_view text, bool timed, Track& track) {
    const std::size_t at = text.find('@');
    const ParsedLoad load = parse_load_spec(text.substr(0, at), whole_);
    if (!load.spec) {
      error_ = load.error;
      return false;
    }
    Phase phase{*load.spec};
    if (timed && at == std::string_view::npos) {
      return fail(text, quoted(text) + " has no time, but is one of several phases: say " +
                            "for example " + std::string(text) + "@2s");
    }
    if (!timed && at != std::string_view::npos) {
      return fail(text.substr(at), "a load without another phase takes no time: leave " +
                                       quoted(text.substr(at)) + " away, or go on with ;LOAD@TIME");
    }
    if (timed) {
      const auto duration = parse_duration_ms(text.substr(at + 1));
      if (!duration.value) return fail(text.substr(at + 1), duration.error);
      phase.duration_ms = *duration.value;
    }
    track.phases.push_back(std::move(phase));
    return true;
  }

  std::string_view whole_;
  std::string error_;
};

}  // namespace

std::size_t LoadPlan::loads() const {
  std::size_t count = 0;
  for (const Track& track : tracks) count += track.phases.size();
  return count;
}

ParsedPlan parse_load_plan(std::string_view text) {
  return Parser(text).run();
}

std::string format_load_plan(const LoadPlan& plan) {
  std::string text;
  for (const Track& track : plan.tracks) {
    if (!text.empty()) text += '+';
    for (std::size_t i = 0; i < track.phases.size(); ++i) {
      const Phase& phase = track.phases[i];
      if (i > 0) text += ';';
      text += format_load_spec(phase.load);
      if (phase.duration_ms) text += "@" + format_duration_ms(*phase.duration_ms);
    }
  }
  return text;
}

}  // namespace godwit::guest
