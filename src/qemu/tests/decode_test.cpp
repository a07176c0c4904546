#include "decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <algorithm>
#include <limits>

#include "godwit/qmp/message.h"
#include "godwit/qmp/schema.h"
#include "godwit/qmp/testing/fake_qmp_server.h"

namespace godwit::qemu {
namespace {

using qmp::testing::captured;
using qmp::testing::captured_return;
using qmp::testing::QemuVersion;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class Captured : public ::testing::TestWithParam<QemuVersion> {
 protected:
  [[nodiscard]] static MigrationStatus migration(const std::string& state) {
    return decode_migration(captured_return(GetParam(), "query-migrate." + state)).value();
  }
};

TEST_P(Captured, MigrationThatNeverWasHasNoFigures) {
  const MigrationStatus status = migration("none");
  EXPECT_EQ(status.phase, MigrationPhase::kNone);
  EXPECT_EQ(status.total, std::nullopt);
  EXPECT_EQ(status.total_time, std::nullopt);
  EXPECT_EQ(status.throughput, std::nullopt);
}

TEST_P(Captured, ActiveMigrationIsReadInTheHousesUnits) {
  const Json json = captured_return(GetParam(), "query-migrate.active");
  const MigrationStatus status = migration("active");
  EXPECT_EQ(status.phase, MigrationPhase::kActive);
  EXPECT_EQ(status.total, Bytes(84484096));
  EXPECT_EQ(status.expected_downtime, Milliseconds(20));
  EXPECT_EQ(status.total_time, Milliseconds(json.at("total-time").get<double>()));
  EXPECT_DOUBLE_EQ(status.throughput.value().value(),
                   json.at("ram").at("mbps").get<double>() * 125000);
  EXPECT_EQ(status.zero_pages, PageCount(json.at("ram").at("duplicate").get<std::int64_t>()));
  EXPECT_EQ(status.dirty_sync_count, 1);
  EXPECT_EQ(status.dirty_rate, std::nullopt) << "0 before the second sync means: not measured";
  EXPECT_EQ(status.downtime, std::nullopt);
}

TEST_P(Captured, EndsAndInterruptionsAreToldApart) {
  EXPECT_EQ(migration("completed").phase, MigrationPhase::kCompleted);
  EXPECT_TRUE(migration("completed").downtime.has_value());
  EXPECT_EQ(migration("cancelled").phase, MigrationPhase::kCancelled);
  EXPECT_EQ(migration("failed").phase, MigrationPhase::kFailed);
  EXPECT_THAT(migration("failed").error, HasSubstr("Broken pipe"));
  EXPECT_EQ(migration("postcopy-active").phase, MigrationPhase::kPostcopyActive);
  EXPECT_EQ(migration("postcopy-paused").phase, MigrationPhase::kPostcopyPaused);
  EXPECT_EQ(migration("incoming-completed").phase, MigrationPhase::kCompleted);
}

TEST_P(Captured, RunStates) {
  const auto state = [](const std::string& name) {
    return decode_run_state(captured_return(GetParam(), name)).value().state;
  };
  EXPECT_EQ(state("query-status"), RunState::kRunning);
  EXPECT_EQ(state("query-status.inmigrate"), RunState::kInmigrate);
  EXPECT_EQ(state("query-status.postmigrate"), RunState::kPostmigrate);
}

TEST_P(Captured, DefaultParameters) {
  const auto parameters =
      decode_parameters(captured_return(GetParam(), "query-migrate-parameters")).value();
  EXPECT_EQ(parameters.max_bandwidth, BytesPerSecond(134217728));
  EXPECT_EQ(parameters.downtime_limit, Milliseconds(300));
  EXPECT_EQ(parameters.xbzrle_cache, 64_MiB);
  EXPECT_EQ(parameters.multifd_channels, 2);
  EXPECT_EQ(parameters.multifd_compression, "none");
  EXPECT_EQ(parameters.throttle_initial_percent, 20);
  EXPECT_EQ(parameters.avail_switchover_bandwidth.has_value(), GetParam() != QemuVersion::k7_2);
}

TEST_P(Captured, EventsCarryQemusOwnTime) {
  const Json events = captured(GetParam(), "events.source");
  std::vector<HypervisorEvent> decoded;
  for (const Json& event : events) {
    const auto message = qmp::parse_message(event.dump()).value();
    decoded.push_back(decode_event(std::get<qmp::QmpEvent>(message)));
  }
  EXPECT_EQ(decoded.front().phase, MigrationPhase::kSetup);
  EXPECT_EQ(decoded.back().phase, MigrationPhase::kCompleted);
  EXPECT_EQ(decoded.back().wall_us,
            events.back().at("timestamp").at("seconds").get<std::int64_t>() * 1'000'000 +
                events.back().at("timestamp").at("microseconds").get<std::int64_t>());
  const auto of_kind = [&](HypervisorEvent::Kind kind) {
    return std::find_if(decoded.begin(), decoded.end(), [&](auto& e) { return e.kind == kind; });
  };
  ASSERT_NE(of_kind(HypervisorEvent::Kind::kStop), decoded.end());
  ASSERT_NE(of_kind(HypervisorEvent::Kind::kPass), decoded.end());
  EXPECT_EQ(of_kind(HypervisorEvent::Kind::kPass)->pass, GetParam() == QemuVersion::k11_1 ? 2 : 1)
      << "11.1 tells nothing of the first";
}

TEST_P(Captured, SchemaDecidesWhatCanBeDone) {
  const qmp::Schema schema =
      qmp::Schema::parse(captured_return(GetParam(), "query-qmp-schema")).value();
  const bool is_new = GetParam() != QemuVersion::k7_2;
  EXPECT_THAT(schema.capabilities(), Contains(Capability::kPostcopyPreempt));
  EXPECT_EQ(schema.capabilities().contains(Capability::kCompress), !is_new);
  EXPECT_EQ(schema.argument("migrate-set-parameters", {"avail-switchover-bandwidth"}) != nullptr,
            is_new);
  EXPECT_NE(schema.argument("migrate", {"uri"}), nullptr);
  EXPECT_EQ(schema.argument("migrate", {"url"}), nullptr);
  EXPECT_EQ(schema.argument("migrat", {}), nullptr);
  EXPECT_THAT(schema.argument("migrate-set-parameters", {"multifd-compression"})->values,
              Contains("zlib"));
}

TEST_P(Captured, Disks) {
  const Json blocks = captured_return(GetParam(), "query-block");
  const std::string node = blocks.at(0).at("inserted").at("node-name");
  EXPECT_THAT(decode_disks(blocks).value(),
              ElementsAre(Disk{"virtio0", "/vm/disk.img", "raw", true, node, 1_MiB, 1_MiB}));
}

/// As QEMU 10.0.2 shows flash made by -drive if=pflash and by -blockdev with -machine pflash1=, and
/// drives that are none.
TEST(Disks, AFirmwaresFlashIsKnown) {
  const auto is_flash = [](const char* device, const char* qdev) {
    Json inserted{{"file", "/srv/a"}, {"drv", "raw"}, {"ro", false}};
    inserted["image"] = {{"virtual-size", 131072}, {"backing-image", {{"filename", "/srv/b"}}}};
    Json drive{{"device", device}, {"inserted", inserted}};
    if (*qdev != '\0') drive["qdev"] = qdev;
    const auto disks = decode_disks(Json::array({drive})).value();
    EXPECT_TRUE(disks.front().has_backing);
    return disks.front().travels_with_memory;
  };
  EXPECT_TRUE(is_flash("pflash1", "/machine/system.flash1"));
  EXPECT_TRUE(is_flash("pflash0", "")) << "an older QEMU";
  EXPECT_TRUE(is_flash("", "/machine/system.flash1"));
  EXPECT_TRUE(is_flash("", "/machine/virt.flash0"));
  EXPECT_FALSE(is_flash("virtio0", "/machine/peripheral-anon/device[1]/virtio-backend"));
  EXPECT_FALSE(is_flash("", "/machine/peripheral/my.flash1/virtio-backend"));
  EXPECT_FALSE(is_flash("", "my.flash1"));
  EXPECT_FALSE(is_flash("pflashy", ""));
  EXPECT_TRUE(is_flash("pflash0", "/machine/unattached/device[3]")) << "another board";
  EXPECT_FALSE(is_flash("pflash1", "/machine/peripheral/vd0/virtio-backend")) << "only named so";
  EXPECT_FALSE(is_flash("pflash1", "vd0"));
}

/// The names that QEMU 10.0.2 gives in query-block, and the devices of its `info qtree`.
TEST(Disks, AreWhereTheirDevicesAre) {
  const auto drive = [](const char* device, const char* qdev, const char* node) {
    Json one{{"device", device}, {"qdev", qdev}};
    if (*node != '\0') {
      one["inserted"] = {{"file", "/a"}, {"drv", "raw"}, {"ro", false}, {"node-name", node}};
    }
    return one;
  };
  const Json listed = Json::array(
      {drive("pflash1", "/machine/system.flash1", "#block319"),
       drive("x1", "/machine/peripheral/myblk/virtio-backend", "#block591"),
       drive("", "/machine/peripheral/vb/virtio-backend", "n1"), drive("", "hd1", "n0"),
       drive("", "cd0", ""), drive("", "/machine/peripheral-anon/device[0]/virtio-backend", "n2"),
       drive("", "/machine/peripheral-anon/device[1]", ""), drive("s1", "", "#b"),
       drive("s2", "", "#c")});
  const std::vector<hmp::DrivePlace> places{{"x1", "myblk", "pci 2"}, {"n1", "vb", "pci 3"},
                                            {"n0", "hd1", "scsi 0"},  {"", "cd0", "ide 0"},
                                            {"n2", "", "pci 4"},      {"", "", "ide 1"},
                                            {"s1", "", "sd"},         {"s2", "", "sd"}};
  std::vector<std::string> found;
  const std::vector<Disk> disks = decode_disks(listed, places).value();
  for (const Disk& disk : disks) found.push_back(disk.place);
  EXPECT_THAT(found,
              ElementsAre("flash 1", "pci 2", "pci 3", "scsi 0", "ide 0", "pci 4", "", "", ""))
      << "what can't be told apart has no place";
  EXPECT_EQ(decode_disks(listed).value()[3].place, "");
  EXPECT_EQ(decode_disks(listed, places).value()[3].device, "hd1");
}

TEST(Disks, SetsOfDescriptorsAreRead) {
  EXPECT_THAT(
      decode_fd_sets(Json::parse(R"([{"fdset-id":2,"fds":[{"fd":7,"opaque":"rdwr"},{"fd":8}]},
                                             {"fdset-id":3,"fds":[]}])"))
          .value(),
      ElementsAre(::testing::Pair(2, 7)));
  EXPECT_FALSE(decode_fd_sets(Json::object()));
}

TEST(DiskTraffic, IsTheSumOverAllDisks) {
  const Json stats = Json::parse(
      R"([{"device":"virtio0","stats":{"rd_bytes":1000,"wr_bytes":20,"flush_operations":1}},
          {"device":"virtio1","stats":{"rd_bytes":1,"wr_bytes":2}}])");
  EXPECT_EQ(decode_disk_traffic(stats).value(), (DiskTraffic{Bytes(1001), Bytes(22)}));
  EXPECT_EQ(decode_disk_traffic(Json::array()).value(), DiskTraffic());
  EXPECT_FALSE(decode_disk_traffic(Json::object()));
  EXPECT_FALSE(decode_disk_traffic(Json::parse(R"([{"stats":{"rd_bytes":-1,"wr_bytes":2}}])")));
}

TEST_P(Captured, TheCheckOfTheFakeFindsMisspeltAndMistypedArguments) {
  const auto check = [](const char* command, const Json& arguments) {
    return qmp::testing::check_command(GetParam(), command, arguments);
  };
  EXPECT_THAT(check("migrate", {{"uri", "tcp:1.2.3.4:5"}}), IsEmpty());
  EXPECT_THAT(check("migrate", {{"url", "tcp:1.2.3.4:5"}}), Not(IsEmpty()));
  EXPECT_THAT(check("migrate", {{"uri", 5}}), SizeIs(1));
  EXPECT_THAT(check("migrate_cancell", Json::object()), SizeIs(1));
  EXPECT_THAT(check("qom-get", {{"path", "/machine"}}), ElementsAre("qom-get lacks property"));
  EXPECT_THAT(check("migrate-set-parameters", {{"multifd-compression", "zstandard"}}), SizeIs(1));
  const Json one{{"capability", "multifd"}, {"state", "on"}};
  EXPECT_THAT(check("migrate-set-capabilities", {{"capabilities", Json::array({one})}}), SizeIs(1));
}

INSTANTIATE_TEST_SUITE_P(Qemu, Captured, ::testing::ValuesIn(qmp::testing::kQemuVersions),
                         qmp::testing::version_name);

TEST(Decode, WhereADestinationListensAndWhatBlocksASource) {
  const auto listening = decode_migration(Json::parse(
      R"({"status":"setup","socket-address":[
          {"type":"inet","host":"10.0.0.2","port":"4444","ipv4":true},
          {"type":"inet","host":"::1","port":"4445"},{"type":"unix","path":"/run/stream"},
          {"type":"fd","str":"7"}]})"));
  EXPECT_THAT(listening.value().listens_on,
              ElementsAre("tcp:10.0.0.2:4444", "tcp:[::1]:4445", "unix:/run/stream"));
  const auto blocked = decode_migration(
      Json::parse(R"({"blocked-reasons":["non-migratable device: 0000:00:02.0/nvme"]})"));
  EXPECT_THAT(blocked.value().blocked_by, ElementsAre(HasSubstr("nvme")));
  EXPECT_EQ(blocked.value().phase, MigrationPhase::kNone);
}

TEST(Decode, MemoryThatTravelsWithTheStateIsNoShape) {
  const auto devices = decode_memory_devices(Json::parse(
      R"([{"type":"dimm","data":{"id":"d1","addr":4294967296,"size":67108864,"slot":0,"node":0,
           "memdev":"/objects/mem1","hotplugged":true,"hotpluggable":true}},
          {"type":"virtio-mem","data":{"id":"vm0","memaddr":8589934592,"requested-size":67108864,
           "size":33554432,"max-size":536870912,"block-size":2097152,"node":0,
           "memdev":"/objects/vmem"}}])"));
  const DeviceShape dimm{
      "dimm", "slot 0", "d1", {{"addr", "4294967296"}, {"node", "0"}, {"size", "67108864"}}};
  const DeviceShape virtio_mem{
      "virtio-mem",
      "memaddr 8589934592",
      "vm0",
      {{"block-size", "2097152"}, {"max-size", "536870912"}, {"node", "0"}}};
  EXPECT_THAT(devices.value(), ElementsAre(dimm, virtio_mem));
}

TEST(Decode, APhaseThatIsNotKnownIsNoErrorAndNeverFinal) {
  const auto status = decode_migration(parse_json(R"({"status":"dancing"})").value());
  ASSERT_TRUE(status);
  EXPECT_EQ(status->phase, MigrationPhase::kOther);
  EXPECT_FALSE(is_final(status->phase));
}

TEST(Decode, AVcpuIsLookedAtByItsRegisters) {
  const std::string text =
      "\r\nCPU#0\r\nRAX=0000000000000000 RBX=0000000000000000\r\n"
      "RIP=ffffffff81c01234 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\r\n"
      "ES =0000 0000000000000000 ffffffff 00c00000\r\n\r\nCPU#1\r\n"
      "EIP=0000fff0 EFL=00000002 [-------] CPL=3 II=0 A20=1 SMM=0 HLT=0\r\n";
  const auto vcpus = decode_registers(text);
  ASSERT_EQ(vcpus.size(), 2U);
  EXPECT_EQ(vcpus[0].instruction, 0xffffffff81c01234U);
  EXPECT_TRUE(vcpus[0].halted);
  EXPECT_TRUE(vcpus[0].interrupts_enabled);
  EXPECT_EQ(vcpus[0].privilege_level, 0);
  EXPECT_FALSE(vcpus[1].halted);
  EXPECT_FALSE(vcpus[1].interrupts_enabled);
  EXPECT_EQ(vcpus[1].privilege_level, 3);
  EXPECT_TRUE(decode_registers("PC=0000000000000000 X00=0").empty());
}

TEST(Decode, WhatIsWrongIsAProtocolErrorOnOneLine) {
  for (const char* text :
       {R"({"status":7})", "[]", "7", R"({"ram":{"total":-1}})", R"({"total-time":"long"})"}) {
    const auto status = decode_migration(parse_json(text).value());
    ASSERT_FALSE(status) << text;
    EXPECT_EQ(status.error().code, ErrorCode::kProtocol) << text;
    EXPECT_THAT(status.error().message, Not(HasSubstr("\n")));
  }
}

TEST(Decode, AFigureThatCannotBeTrueIsAbsentAndThePhaseStillCounts) {
  const auto status = decode_migration(Json::parse(R"({"status":"active","total-time":1e308,
      "downtime":-1,"ram":{"transferred":7,"normal":9223372036854775807,"duplicate":-1,
      "dirty-sync-count":9223372036854775807,"mbps":1e308,"dirty-pages-rate":1e300}})"));
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(status->phase, MigrationPhase::kActive);
  EXPECT_EQ(status->transferred, Bytes(7));
  EXPECT_FALSE(status->total_time || status->downtime || status->normal_pages ||
               status->zero_pages || status->dirty_sync_count || status->throughput ||
               status->dirty_rate);
}

/// Numbers at and beyond every bound.
Json hostile_number() {
  const auto whole = *rc::gen::element<std::int64_t>(
      0, -1, 1, std::int64_t{1} << 48, std::int64_t{1} << 60, (std::int64_t{1} << 60) + 1,
      std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min());
  const auto real = *rc::gen::element(1e308, -1e308, 0x1.0p63, 0x1.0p64, 5e-324);
  return *rc::gen::arbitrary<bool>() ? Json(whole) : Json(real);
}

RC_GTEST_PROP(Decode, WhateverNumbersComeNoSumEndsTheProcess, ()) {
  Json ram = Json::object();
  for (const char* key :
       {"transferred", "remaining", "total", "duplicate", "normal", "dirty-sync-count", "page-size",
        "postcopy-requests", "dirty-pages-rate", "mbps"}) {
    if (*rc::gen::arbitrary<bool>()) ram[key] = hostile_number();
  }
  Json migration{{"status", "active"}, {"ram", ram}};
  for (const char* key : {"total-time", "downtime", "expected-downtime"}) {
    if (*rc::gen::arbitrary<bool>()) migration[key] = hostile_number();
  }
  if (const auto status = decode_migration(migration)) {
    const PageSize page(4096);
    const PageCount sent =
        status->normal_pages.value_or(PageCount()) + status->zero_pages.value_or(PageCount());
    const PageCount ever = sent + page.pages_for(status->remaining.value_or(Bytes()));
    RC_ASSERT(PageSize(1 << 20).bytes_of(ever) <= kMostBytes);
    if (status->throughput && status->total_time) {
      RC_ASSERT(*status->throughput * *status->total_time <= kMostBytes);
    }
  }
  Json parameters = Json::object();
  for (const char* key : {"max-bandwidth", "downtime-limit", "xbzrle-cache-size"}) {
    if (*rc::gen::arbitrary<bool>()) parameters[key] = hostile_number();
  }
  if (const auto decoded = decode_parameters(parameters)) (void)encode_parameters(*decoded);
  Json disks = Json::array();
  for (int i = 0; i < 20; ++i) {
    disks.push_back({{"stats", {{"rd_bytes", std::int64_t{1} << 60}, {"wr_bytes", 1}}}});
  }
  RC_ASSERT(decode_disk_traffic(disks).value().read == kMostBytes);
}

TEST(Decode, ALimitThatStandsForNoneIsReadAndGivenBack) {
  // libvirt's own, and the largest that QEMU takes
  for (const std::uint64_t limit : {9223372036853727232ULL, 18446744073709551615ULL}) {
    const auto parameters = decode_parameters(Json{{"max-bandwidth", limit}});
    ASSERT_TRUE(parameters) << parameters.error().message;
    EXPECT_EQ(encode_parameters(*parameters), (Json{{"max-bandwidth", limit}}));
  }
}

TEST(Decode, AWantedDowntimeNeverBecomesZero) {
  MigrationParameters parameters;
  parameters.downtime_limit = Seconds(0.0002);
  EXPECT_EQ(encode_parameters(parameters).dump(), R"({"downtime-limit":1})");
}

RC_GTEST_PROP(Decode, ParametersSurviveTheWayToQemuAndBack, ()) {
  MigrationParameters parameters;
  const auto maybe = [] { return *rc::gen::arbitrary<bool>(); };
  if (maybe()) parameters.max_bandwidth = BytesPerSecond(*rc::gen::inRange(0, 2'000'000'000));
  if (maybe()) parameters.downtime_limit = Milliseconds(*rc::gen::inRange(0, 2'000'000));
  if (maybe()) parameters.xbzrle_cache = Bytes(*rc::gen::inRange(1, 2'000'000'000));
  if (maybe()) parameters.multifd_channels = *rc::gen::inRange(1, 255);
  if (maybe()) parameters.max_throttle_percent = *rc::gen::inRange(1, 99);
  if (maybe()) parameters.multifd_compression = "zstd";
  const Json json = encode_parameters(parameters);
  const auto back = decode_parameters(json).value();
  RC_ASSERT(encode_parameters(back) == json);
  RC_ASSERT(back.max_bandwidth == parameters.max_bandwidth);
  RC_ASSERT(back.xbzrle_cache == parameters.xbzrle_cache);
  RC_ASSERT(back.multifd_compression == parameters.multifd_compression);
}

TEST(Message, ToldApart) {
  EXPECT_TRUE(std::holds_alternative<qmp::Greeting>(
      qmp::parse_message(captured(QemuVersion::k7_2, "greeting").dump()).value()));
  const auto refusal = std::get<qmp::Reply>(
      qmp::parse_message(captured(QemuVersion::k10_0, "error.not-found").dump()).value());
  EXPECT_EQ(refusal.id, std::nullopt);
  EXPECT_EQ(std::get<qmp::QmpRefusal>(refusal.result).error_class, "CommandNotFound");
}

TEST(Message, AnEventWithoutATimeIsStillOne) {
  const auto message =
      qmp::parse_message(R"({"event":"STOP","timestamp":{"seconds":-1,"microseconds":-1}})");
  EXPECT_EQ(std::get<qmp::QmpEvent>(message.value()).wall_us, 0);
}

TEST(Message, HostileLinesAreProtocolErrors) {
  const std::string deep(100'000, '[');
  const std::vector<std::string> lines{"",
                                       "{",
                                       "[]",
                                       "{}",
                                       "null",
                                       R"({"QMP":7})",
                                       R"({"event":7})",
                                       R"({"event":"STOP","data":[]})",
                                       R"({"return":{},"id":"x"})",
                                       R"({"error":{"class":"GenericError"}})",
                                       R"({"event":"STOP","timestamp":{"seconds":"x"}})",
                                       std::string("\0\x01\xff\xfe", 4),
                                       deep,
                                       R"({"return":)" + deep};
  for (const std::string& line : lines) {
    const auto message = qmp::parse_message(line);
    ASSERT_FALSE(message) << line.substr(0, 60);
    EXPECT_EQ(message.error().code, ErrorCode::kProtocol);
    EXPECT_LT(message.error().message.size(), 200U);
  }
}

}  // namespace
}  // namespace godwit::qemu
