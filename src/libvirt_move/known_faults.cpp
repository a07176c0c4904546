#include "known_faults.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace godwit::libvirt_move {
namespace {

using Version = Connection::Version;

struct Fault {
  bool (*concerns)(Technique);
  Version since;
  Version mended;
  std::string_view what;
};

constexpr std::array kFaults{
    // Seen with 11.3.0 on both sides: its daemon ends by SIGSEGV. Mended by 11.4.0 (its release
    // notes).
    Fault{[](Technique t) { return uses_postcopy(t); },
          {11, 2, 0},
          {11, 4, 0},
          "if post-copy's link breaks, virsh migrate with its option postcopy-resume ends the "
          "daemon there: leave post-copy out, or update it to 11.4"},
};

}  // namespace

std::vector<std::string> known_faults(Technique technique, const Version& destination) {
  std::vector<std::string> met;
  for (const Fault& fault : kFaults) {
    const bool has_it = destination >= fault.since && destination < fault.mended;
    if (!has_it || !fault.concerns(technique)) continue;
    met.push_back(fmt::format("the destination's libvirt {}: {}", destination.text(), fault.what));
  }
  return met;
}

}  // namespace godwit::libvirt_move
