#include "godwit/control/settings.h"

#include <gtest/gtest.h>

#include "godwit/domain/downtime_limit.h"

namespace godwit::control {
namespace {

TEST(Settings, AreExactlyTheTechnique) {
  MigrationPlan plan;
  plan.technique = Technique::kHybrid;
  plan.parameters.max_bandwidth = 40_MB_per_s;
  const Settings hybrid = settings_for(plan);
  EXPECT_EQ(hybrid.on, (CapabilitySet{Capability::kEvents, Capability::kReturnPath,
                                      Capability::kPostcopyRam}));
  EXPECT_TRUE(hybrid.off.contains(Capability::kXbzrle));
  EXPECT_EQ(hybrid.parameters.max_postcopy_bandwidth, 40_MB_per_s);
  plan.parameters.postcopy_preempt = true;
  EXPECT_TRUE(settings_for(plan).on.contains(Capability::kPostcopyPreempt));
  plan.technique = Technique::kMultifdZstd;
  EXPECT_TRUE(settings_for(plan).off.contains(Capability::kPostcopyPreempt));
  EXPECT_EQ(settings_for(plan).parameters.multifd_compression, "zstd");
}

TEST(Settings, TellTheTechniqueOfWhoeverSetThem) {
  for (const char* name :
       {"precopy", "auto-converge", "xbzrle", "compress", "multifd", "multifd-zlib", "multifd-zstd",
        "multifd+auto-converge", "xbzrle+auto-converge", "multifd-zstd+auto-converge"}) {
    MigrationPlan plan;
    plan.technique = parse_technique(name).value();
    const Settings set = settings_for(plan);
    EXPECT_EQ(to_string(technique_of(set.on, set.parameters)), name);
  }
  MigrationParameters left_over;  // compresses nothing where there are no channels
  left_over.multifd_compression = "zstd";
  EXPECT_EQ(technique_of({}, left_over), Technique::kPrecopy);
}

TEST(Settings, OfACombinationAreThoseOfItsParts) {
  MigrationPlan plan;
  plan.technique = parse_technique("multifd-zlib+auto-converge+hybrid+storage").value();
  const Settings settings = settings_for(plan);
  EXPECT_EQ(settings.on,
            (CapabilitySet{Capability::kEvents, Capability::kReturnPath, Capability::kMultifd,
                           Capability::kAutoConverge, Capability::kPostcopyRam,
                           Capability::kPauseBeforeSwitchover}));
  EXPECT_EQ(settings.parameters.multifd_compression, "zlib");
  plan.technique = parse_technique("multifd+stop-and-copy").value();
  EXPECT_EQ(settings_for(plan).parameters.multifd_compression, "none");
  EXPECT_EQ(settings_for(plan).parameters.downtime_limit, kLongestDowntimeLimit);
  plan.technique = Technique::kXbzrle;
  EXPECT_FALSE(settings_for(plan).parameters.multifd_compression) << "left as it is";
}

}  // namespace
}  // namespace godwit::control
