#pragma once

#include <string>

#include "godwit/base/rng.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/link.h"

/// Guests that are drawn at random, each with a link over which its first pass takes 1 to 200 s.

namespace godwit::bench {

struct DrawnGuest {
  std::string kind;
  GuestProfile profile;
  Link link;
};
/// Of each kind in turn, by `number`.
[[nodiscard]] DrawnGuest drawn_guest(int number, Rng& rng);

}  // namespace godwit::bench
