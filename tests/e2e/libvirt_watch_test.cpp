// What `virsh` migrates is watched, and served to a real Prometheus, by nothing but questions.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

#include "godwit/base/process.h"
#include "libvirt_hosts.h"
#include "patience.h"
#include "source_tree.h"

namespace godwit::e2e {
namespace {

using testing::HasSubstr;

constexpr const char* kExporter = "127.0.0.1:9817";
constexpr const char* kPrometheus = "127.0.0.1:9090";

std::string why_not() {
  for (const char* program : {"prometheus", "promtool"}) {
    if (!program_path(program)) return std::string("needs ") + program;
  }
  return LibvirtHosts::why_not();
}

/// Has libvirt's library write down each call that a program makes of it. One at a time.
class RecordedCalls {
 public:
  explicit RecordedCalls(std::string file) : file_(std::move(file)) {
    ::setenv("LIBVIRT_LOG_FILTERS", "1:libvirt", 1);
    ::setenv("LIBVIRT_LOG_OUTPUTS", ("1:file:" + file_).c_str(), 1);
  }
  ~RecordedCalls() { end(); }
  RecordedCalls(const RecordedCalls&) = delete;
  RecordedCalls& operator=(const RecordedCalls&) = delete;
  /// What is started from now on is not recorded.
  static void end() {
    ::unsetenv("LIBVIRT_LOG_FILTERS");
    ::unsetenv("LIBVIRT_LOG_OUTPUTS");
  }
  [[nodiscard]] std::set<std::string> calls() const {
    std::ifstream in(file_);
    std::stringstream text;
    text << in.rdbuf();
    const std::string all = text.str();
    const std::regex call("debug : (vir[A-Za-z0-9]+):[0-9]+");
    std::set<std::string> found;
    for (std::sregex_iterator at(all.begin(), all.end(), call), end; at != end; ++at) {
      found.insert((*at)[1]);
    }
    return found;
  }

 private:
  std::string file_;
};

/// Calls that ask, listen, or concern the connection and handles alone.
const std::set<std::string>& questions() {
  static const std::set<std::string> all{
      "virInitialize",
      "virGlobalInit",
      "virRegisterConnectDriver",
      "virConnectOpenAuth",
      "virConnectOpenInternal",
      "virConnectClose",
      "virConnectRef",
      "virConnectIsAlive",
      "virConnectSetKeepAlive",
      "virConnectGetVersion",
      "virConnectGetLibVersion",
      "virConnectGetCapabilities",
      "virConnectListAllDomains",
      "virConnectDomainEventRegisterAny",
      "virConnectDomainEventDeregisterAny",
      "virDomainLookupByName",
      "virDomainLookupByUUID",
      "virDomainLookupByUUIDString",
      "virDomainLookupByID",
      "virDomainFree",
      "virDomainRef",
      "virDomainGetName",
      "virDomainGetUUID",
      "virDomainGetUUIDString",
      "virDomainGetXMLDesc",
      "virDomainGetState",
      "virDomainGetJobStats",
      "virDomainMigrateGetMaxDowntime",
      "virDomainMigrateGetMaxSpeed",
      "virEventRegisterDefaultImpl",
      "virEventRegisterImpl",
      "virEventRunDefaultImpl",
      "virEventAddTimeout",
      "virEventAddHandle",
      "virEventUpdateHandle",
      "virEventUpdateTimeout",
      "virEventRemoveHandle",
      "virEventRemoveTimeout",
      "virTypedParamsFree",
  };
  return all;
}

class WatchedHost : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_not(); !why.empty()) GTEST_SKIP() << why;
    hosts = std::make_unique<LibvirtHosts>();
  }

  Finished run(const std::vector<std::string>& words) {
    auto process = start(words);
    (void)process.follow(clock, clock.now() + kPatience, {});
    return {process.end() && process.end()->well() ? 0 : 1, process.out(), process.err()};
  }
  Process start(const std::vector<std::string>& words) {
    auto process = Process::start({program_path(words.front()).value(), words});
    if (!process) throw std::runtime_error(process.error().message);
    return std::move(*process);
  }
  void await(const std::string& what, const std::function<bool()>& come) {
    if (!comes(clock, come, Seconds(0.5))) throw std::runtime_error(what + " did not come");
  }

  /// Scrapes each second.
  Process start_prometheus() {
    std::ofstream(folder.file("prometheus.yml"))
        << "global: {scrape_interval: 1s}\nscrape_configs: [{job_name: godwit, static_configs: "
           "[{targets: ['"
        << kExporter << "']}]}]\n";
    return start({"prometheus", "--config.file=" + folder.file("prometheus.yml"),
                  "--storage.tsdb.path=" + folder.file("data"),
                  fmt::format("--web.listen-address={}", kPrometheus), "--log.level=error"});
  }
  /// What Prometheus answers now; empty where there is nothing of it.
  std::string query(const std::string& expression) {
    const std::string said =
        run({"promtool", "query", "instant", fmt::format("http://{}", kPrometheus), expression})
            .out;
    return said == "\n" ? "" : said;
  }
  void await_answer(const std::string& expression) {
    await(expression, [&] { return !query(expression).empty(); });
  }
  /// What promtool says against what is served now.
  Finished lint() {
    const std::string port = std::string(kExporter).substr(std::string(kExporter).rfind(':') + 1);
    return run({"bash", "-c",
                "exec 3<>/dev/tcp/127.0.0.1/" + port +
                    "; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; "
                    "sed '1,/^\\r$/d' <&3 | promtool check metrics"});
  }
  /// What could have been changed at the source, as far as libvirt tells.
  std::string settings() {
    std::string all;
    for (const char* of : {"migrate-getmaxdowntime", "migrate-getspeed"}) {
      all += hosts->virsh(Side::kSource, {of, "vm"});
    }
    return all + hosts->virsh(Side::kSource, {"dumpxml", "vm"});
  }

  RealClock clock;
  TemporaryFolder folder;
  std::unique_ptr<LibvirtHosts> hosts;
};

TEST_F(WatchedHost, WhatVirshMigratesIsListedAndServedToPrometheusByQuestionsAlone) {
  hosts->virsh(Side::kSource, {"migrate-setspeed", "vm", "2"});
  RecordedCalls of_exporter(folder.file("exporter.log"));
  GodwitProgram exporter({"exporter", "--all", hosts->uri(Side::kSource),
                          hosts->uri(Side::kDestination), "--json", "--store",
                          folder.file("store.db")});
  Process prometheus = start_prometheus();
  await_answer("sum(godwit_target_reached) == 2");
  RecordedCalls of_watch(folder.file("watch.log"));
  GodwitProgram watching({"watch", "--all", hosts->uri(Side::kSource), "--json"});
  RecordedCalls::end();
  const std::string before = settings();
  Process migrating = start({"virsh", "--connect", hosts->uri(Side::kSource), "migrate", "--live",
                             "--p2p", "vm", "qemu+tcp://10.92.0.2/system"});
  await_answer("godwit_migration_eta_seconds{quantile=\"0.5\"}");
  EXPECT_EQ(settings(), before);
  const Finished names = lint();
  EXPECT_EQ(names.status, 0) << names.out << names.err;
  hosts->virsh(Side::kSource, {"migrate-setspeed", "vm", "30"});
  (void)migrating.follow(clock, clock.now() + kPatience, {});
  EXPECT_EQ(hosts->state(Side::kDestination), "running (migrated)") << migrating.err();
  await_answer("godwit_migrations_total{outcome=\"completed\"} == 1");
  await_answer("godwit_migration_duration_seconds_count == 1");
  EXPECT_THAT(query("godwit_migration_downtime_seconds_count{kind=\"qemu\"}"), HasSubstr("=> 0"))
      << "libvirt's own count is none of QEMU's";
  await("its gauges' end", [&] { return query("godwit_migration_round").empty(); });

  // What a Godwit of this machine drives is in the store, and not counted from watching as well.
  const Finished back =
      run_godwit({"migrate", hosts->vm(Side::kDestination), "libvirt:qemu+tcp://10.92.0.1/system",
                  "--technique", "precopy", "--no-profile", "--link", "20MB/s", "--json", "--store",
                  folder.file("store.db")});
  ASSERT_EQ(back.status, 0) << back.out << back.err;
  await_answer("godwit_migration_downtime_seconds_count{kind=\"events\"} == 1");
  await("its gauges' end", [&] { return query("godwit_migration_round").empty(); });
  EXPECT_THAT(query("sum(godwit_migrations_total)"), HasSubstr("=> 2"));

  exporter.signal(SIGTERM);
  watching.signal(SIGINT);
  const Finished exported = exporter.wait();
  EXPECT_EQ(exported.status, 0) << exported.out << exported.err;
  const Finished watched = watching.wait();
  EXPECT_EQ(watched.status, 0) << watched.out << watched.err;
  std::istringstream lines(watched.out);
  std::set<std::string> events;
  Json last;
  for (std::string text; std::getline(lines, text);) {
    last = Json::parse(text, nullptr, false);
    ASSERT_TRUE(last.is_object()) << text;
    events.insert(last.at("event").get<std::string>());
  }
  EXPECT_THAT(events, testing::IsSupersetOf({"reached", "began", "look", "round", "ended"}));
  EXPECT_THAT(last.at("vm").dump(), HasSubstr("#vm"));
  EXPECT_EQ(last.at("outcome").at("status"), "completed");

  for (const RecordedCalls* recorded : {&of_exporter, &of_watch}) {
    const std::set<std::string> calls = recorded->calls();
    EXPECT_TRUE(calls.contains("virDomainGetJobStats")) << "nothing was recorded";
    for (const std::string& call : calls) EXPECT_TRUE(questions().contains(call)) << call;
  }
  EXPECT_TRUE(hosts->works());
}

TEST(Monitoring, TheAlertsAreWhatPrometheusTakes) {
  if (const auto promtool = program_path("promtool"); !promtool) GTEST_SKIP() << "needs promtool";
  RealClock clock;
  auto process = Process::start(
      {program_path("promtool").value(),
       {"promtool", "check", "rules", in_source_tree("package/monitoring/godwit-alerts.yml")}});
  ASSERT_TRUE(process);
  (void)process->follow(clock, clock.now() + kPatience, {});
  EXPECT_TRUE(process->end() && process->end()->well()) << process->out() << process->err();
}

}  // namespace
}  // namespace godwit::e2e
