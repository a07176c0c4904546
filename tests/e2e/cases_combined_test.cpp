// Parts of techniques together: what QEMU combines is run and predicted, what it can't is refused.

#include <fmt/format.h>

#include <set>

#include "cases.h"
#include "godwit/domain/combination_rule.h"

namespace godwit::e2e {
namespace {

class Combined : public Cases {
 protected:
  [[nodiscard]] VmDescription this_qemu() {
    const Json version = pair().ask(Side::kSource, "query-version").at("qemu");
    VmDescription vm;
    vm.version_major = version.at("major").get<int>();
    vm.version_minor = version.at("minor").get<int>();
    return vm;
  }
  [[nodiscard]] std::set<std::string> capabilities_on(Side side) {
    std::set<std::string> on;
    for (const Json& one : pair().ask(side, "query-migrate-capabilities")) {
      if (one.at("state").get<bool>()) on.insert(one.at("capability").get<std::string>());
    }
    return on;
  }
  [[nodiscard]] bool takes(const CapabilitySet& wanted) {
    Json list = Json::array();
    for (const Capability one : {Capability::kMultifd, Capability::kXbzrle,
                                 Capability::kPostcopyRam, Capability::kAutoConverge}) {
      list.push_back({{"capability", to_string(one)}, {"state", wanted.contains(one)}});
    }
    return pair()
        .try_ask(Side::kSource, "migrate-set-capabilities", Json{{"capabilities", list}})
        .has_value();
  }
  static Json predicted_of(const Finished& run, const std::string& technique) {
    const Json said = run.json();
    for (const Json& one : said.at("predicted").at("predictions")) {
      if (one.at("technique") == technique) return one;
    }
    ADD_FAILURE() << "no prediction of " << technique << "\n" << run.out << run.err;
    return {};
  }
};

/// Channels that compress, and a throttle: each of the two is on, on both sides.
TEST_F(Combined, ZstdAndAutoConvergeAreBothOnAndPredicted) {
  const std::string both = "multifd-zstd+auto-converge";
  PairSetup setup;
  setup.load = "memory-write,set=48MiB,rate=60MB/s,fill=32MiB,content=compressible";
  start(setup);
  GodwitProgram godwit(
      migrate({"--technique", both, "--link", "20MB/s", "--max-time", "300s", "--for", "2s"}));
  pair().await_migration(Side::kSource, "active");
  for (const Side side : {Side::kSource, Side::kDestination}) {
    const auto on = capabilities_on(side);
    EXPECT_TRUE(on.contains("multifd") && on.contains("auto-converge"));
    EXPECT_EQ(pair().ask(side, "query-migrate-parameters").at("multifd-compression"), "zstd");
  }
  const Finished run = godwit.wait();
  expect_completed(run);
  EXPECT_EQ(outcome_of(run).at("technique"), both);
  // What pages hold is looked at where the time for observing allows it, and compressing needs it.
  if (run.json().at("profile").at("contents").is_null()) return;
  const Json said = predicted_of(run, both);
  EXPECT_EQ(said.at("model"), "twin");
  EXPECT_TRUE(said.at("converges").is_boolean());
}

TEST_F(Combined, MultifdAndPostcopyGoWhereQemuCanAndAreRefusedByNameElsewhere) {
  const std::string both = "multifd+postcopy";
  start();
  const bool possible = check_combination(parse_technique(both).value(), this_qemu()).has_value();
  const Finished run = run_godwit(migrate({"--technique", "postcopy+multifd"}));
  if (possible) {
    expect_completed(run);
    EXPECT_EQ(outcome_of(run).at("technique"), both);
    EXPECT_TRUE(predicted_of(run, both).at("converges").is_null());
    return;
  }
  EXPECT_EQ(run.status, 3) << run.out << run.err;
  EXPECT_SAYS(run, both);
  EXPECT_SAYS(run, "10.1");
  expect_destination_untouched();
  expect_as_before(Side::kSource);
  expect_runs_only(Side::kSource);
}

/// Post-copy sends whole pages, whatever the passes before it sent.
TEST_F(Combined, XbzrleEndsByPostcopy) {
  start();
  const Finished run = run_godwit(migrate({"--technique", "xbzrle+hybrid", "--link", "30MB/s"}));
  expect_completed(run);
  EXPECT_THAT(outcome_of(run).at("technique"), testing::AnyOf("xbzrle+hybrid", "xbzrle"));
}

TEST_F(Combined, WhatNoQemuCanIsRefusedBeforeAnythingIsAsked) {
  start();
  for (const char* name : {"multifd+xbzrle", "multifd+compress", "zstd"}) {
    expect_refused(run_godwit(migrate({"--technique", name})), std::string("'") + name + "'");
  }
}

/// The table of what can't be combined, against the QEMU that is here.
TEST_F(Combined, TheTableIsThisQemus) {
  start();
  const VmDescription vm = this_qemu();
  for (const Streams streams : {Streams::kOne, Streams::kMultifd}) {
    for (const Codec codec : {Codec::kNone, Codec::kXbzrle}) {
      for (const Throttle throttle : {Throttle::kNone, Throttle::kAutoConverge}) {
        for (const Ending ending : {Ending::kConverged, Ending::kPostcopyAfterShare}) {
          const Technique technique{streams, codec, throttle, ending, false};
          EXPECT_EQ(takes(capabilities_needed(technique)),
                    check_combination(technique, vm).has_value())
              << to_string(technique);
          ASSERT_TRUE(takes({}));
        }
      }
    }
  }
}

}  // namespace
}  // namespace godwit::e2e
