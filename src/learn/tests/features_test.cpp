#include "godwit/learn/features.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "godwit/learn/reference_twin.h"

namespace godwit::learn {
namespace {

const Link kLink{BytesPerSecond(50e6), {}};

GuestProfile guest() {
  GuestProfile profile;
  profile.ram = 512_MiB;
  profile.zero_share = Ratio(0.25);
  profile.dirty_curve = {{Seconds(1), 10_MB, 9_MB, 11_MB}};
  return profile;
}

TEST(Features, AreOneDefinition) {
  const auto twin = reference_twin(guest(), kLink, {})->predict(Technique::kPrecopy);
  const auto row = features_of(guest(), kLink, *twin);
  EXPECT_EQ(row.size(), feature_names().size());
  const auto at = [&](std::string_view name) {
    const auto names = feature_names();
    const auto found = std::find(names.begin(), names.end(), name);
    return row[static_cast<std::size_t>(found - names.begin())];
  };
  EXPECT_DOUBLE_EQ(at("ram"), std::log1p(536.870912));
  EXPECT_DOUBLE_EQ(at("link"), std::log1p(50));
  EXPECT_DOUBLE_EQ(at("zero_share"), 0.25);
  EXPECT_TRUE(std::isnan(at("zlib"))) << "nobody looked";
  EXPECT_TRUE(std::isnan(at("instructions")));
}

TEST(Features, JosSetsAreAmongThem) {
  for (const auto& set : {dirty_rate_features(), dirty_rate_size_features(),
                          dirty_rate_size_working_set_features()}) {
    for (const std::string& name : set) {
      const auto names = feature_names();
      EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
    }
  }
}

}  // namespace
}  // namespace godwit::learn
