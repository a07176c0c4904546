#include "godwit/terminal/context.h"

#include <memory>
#include <utility>

#include "godwit/opener/host_opener.h"

namespace godwit::terminal {

engine::Engine open_engine(Context& context, const std::string& lab) {
  return engine::Engine(context.clock,
                        std::make_unique<opener::HostOpener>(context.clock, lab, context.stop),
                        context.places, context.stop, context.leave);
}

EngineMaker engine_maker(Context& context, const std::string& lab) {
  return [&context, lab](std::stop_token stop) {
    auto opener = std::make_unique<opener::HostOpener>(context.clock, lab, stop);
    return std::make_unique<engine::Engine>(context.clock, std::move(opener), context.places,
                                            std::move(stop), context.leave);
  };
}

std::optional<LabEntry> lab_entry_of(const std::string& vm, const std::string& lab) {
  if (!vm.starts_with("lab:")) return std::nullopt;
  return LabEntry{lab, lab::EnterMode::kJoin};
}

}  // namespace godwit::terminal
