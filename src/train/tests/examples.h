#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "godwit/base/rng.h"
#include "godwit/learn/reference_twin.h"
#include "godwit/learn/training_example.h"

namespace godwit::train {

inline const Link kLink{BytesPerSecond(50e6), {}};

inline GuestProfile guest(Rng& rng) {
  GuestProfile profile;
  profile.ram = 512_MiB;
  profile.zero_share = Ratio(0.2 + 0.6 * rng.uniform());
  profile.data_by_part.assign(32, Ratio(1 - profile.zero_share.value()));
  const double set = 5e6 + 40e6 * rng.uniform();
  const double rate = 1e6 + 15e6 * rng.uniform();
  for (const double t : {0.125, 0.25, 0.5, 1.0, 2.0}) {
    const Bytes unique(std::llround(set * -std::expm1(-rate * t / set)));
    profile.dirty_curve.push_back({Seconds(t), unique, unique * Ratio(0.95), unique * Ratio(1.05)});
  }
  profile.vcpu_use = rng.uniform();
  return profile;
}

/// A host on which a guest that uses its vCPU takes longer than the twin knows, and all else is as
/// the twin says, but for chance.
inline std::vector<learn::TrainingExample> examples(int count) {
  Rng rng(11);
  std::vector<learn::TrainingExample> all;
  for (int i = 0; i < count; ++i) {
    learn::TrainingExample example;
    example.profile = guest(rng);
    example.link = kLink;
    example.predicted =
        *learn::reference_twin(example.profile, kLink, {})->predict(Technique::kPrecopy);
    example.load = std::string(1, static_cast<char>('a' + i % 6));
    const double slower = *example.profile.vcpu_use > 0.5 ? 1.3 : 1.0;
    const double chance = 1 + 0.02 * (rng.uniform() - 0.5);
    example.total_time = example.predicted.total_time->p50 * slower * chance;
    example.transferred = example.predicted.transferred->p50;
    example.downtime.events = example.predicted.downtime.events->p50;
    all.push_back(std::move(example));
  }
  return all;
}

}  // namespace godwit::train
