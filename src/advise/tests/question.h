#pragma once

#include <gtest/gtest.h>

#include "godwit/advise/advise.h"
#include "godwit/model/dirty_curve.h"

namespace godwit::advise {

/// 512 MiB, 300 MB of data, a random writer over 128 MiB; measured without error.
inline Question question(BytesPerSecond writes, Intent intent = {}) {
  Question q;
  q.profile.ram = 512_MiB;
  q.profile.zero_share = Ratio(1 - 300_MB / q.profile.ram);
  for (const double t : {0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0}) {
    const Bytes w = model::uniform_writer(128_MiB, writes, Seconds(t));
    q.profile.dirty_curve.push_back({Seconds(t), w, w, w});
  }
  q.link = Link{50_MB_per_s, {}};
  q.intent = intent;
  return q;
}

inline Advised answer(const Question& q) {
  const auto advised = predict_all(q);
  EXPECT_TRUE(advised.has_value());
  return *advised;
}

}  // namespace godwit::advise
