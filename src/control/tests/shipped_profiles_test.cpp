// Each profile that comes with godwit, against a stand-in that answers in its hypervisor's words.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "drive_command.h"
#include "godwit/command/driver.h"
#include "source_tree.h"
#include "testing/stand_ins.h"

namespace godwit::command {
namespace {

struct Shipped {
  const char* name;
  std::map<std::string, std::string> variables;
  const char* program;
  const char* script;  ///< the file `at` names the host where vm-1 runs
};

const Shipped kVirsh{
    "virsh",
    {{"source_uri", "qemu+ssh://root@a/system"}, {"destination_uri", "qemu+ssh://root@b/system"}},
    "virsh",
    R"sh([ "$1" = -c ] || exit 9
uri=$2; shift 2
case $1 in
start) echo "$uri" > $dir/at; echo "Domain '$2' started"; echo ;;
migrate)
  [ "$2 $3" = "--live vm-1" ] || { echo "error: unexpected data" >&2; exit 1; }
  [ "$(cat $dir/at)" = "$uri" ] || { echo "error: Requested operation is not valid: domain is not running" >&2; exit 1; }
  echo "$4" > $dir/at; echo ;;
domstate)
  if [ "$(cat $dir/at)" = "$uri" ]; then echo running; echo
  else echo "error: failed to get domain '$2'" >&2; exit 1; fi ;;
destroy) rm $dir/at; echo "Domain '$2' destroyed"; echo ;;
*) echo "error: unknown command: '$1'" >&2; exit 1 ;;
esac
)sh"};

const Shipped kXe{"xe",
                  {{"pool", "10.0.0.1"},
                   {"password_file", "/root/pw"},
                   {"source_uuid", "4f8a8e1c-9b7e-4d0b-8a86-0a7d5d6b1a11"},
                   {"destination_uuid", "b1e5c1a2-33cd-4a4e-9d6b-5d2f0c7e2b22"}},
                  "xe",
                  R"sh([ "$1 $3" = "-s -pwf" ] || exit 9
shift 4
case $1 in
vm-start) echo "${3#on=}" > $dir/at ;;
vm-migrate) [ "$4" = live=true ] || exit 1; echo "${3#host=}" > $dir/at ;;
vm-list)
  state=running; host=$(cat $dir/at)
  [ -n "$host" ] || { state=halted; host='<not in database>'; }
  echo "power-state ( RO)    : $state"
  echo "    resident-on ( RO): $host"
  echo; echo ;;
vm-shutdown) : > $dir/at ;;
*) echo "Unknown command: $1" >&2; exit 1 ;;
esac
)sh"};

const Shipped kGovc{"govc",
                    {{"source", "esx1.example.com"}, {"destination", "esx2.example.com"}},
                    "govc",
                    R"sh(case $1 in
vm.power)
  case $2 in
  -on) echo esx1.example.com > $dir/at; echo "Powering on VirtualMachine:vm-42... OK" ;;
  -off) : > $dir/at; echo "Powering off VirtualMachine:vm-42... OK" ;;
  esac ;;
vm.migrate)
  [ "$2 $4" = "-host vm-1" ] || { echo "govc: vm '$4' not found" >&2; exit 1; }
  printf '[21-11-26 10:00:00] migrating /DC/vm/vm-1... (50%%)\r'
  echo "$3" > $dir/at; echo "[21-11-26 10:00:09] migrating /DC/vm/vm-1... OK" ;;
vm.info)
  state=poweredOn; [ -s $dir/at ] || state=poweredOff
  echo "Name:           vm-1"
  echo "  Path:         /DC/vm/vm-1"
  echo "  UUID:         42010000-0000-0000-0000-000000000001"
  echo "  Guest name:   Debian GNU/Linux 12 (64-bit)"
  echo "  Memory:       2048MB"
  echo "  CPU:          1 vCPU(s)"
  echo "  Power state:  $state"
  echo "  Boot time:    2026-11-21 09:00:00 +0000 UTC"
  echo "  IP address:   10.0.0.50"
  echo "  Host:         $(cat $dir/at)" ;;
*) echo "govc: unknown command '$1'" >&2; exit 1 ;;
esac
)sh"};

const Shipped kHyperV{
    "hyper-v",
    {{"user", "admin"}, {"source", "hv1"}, {"destination", "hv2"}},
    "ssh",
    R"sh([ "$1 $2 $4 $5 $6 $7" = "-o BatchMode=yes powershell -NoProfile -NonInteractive -Command" ] || exit 9
host=${3#admin@}
case $8 in
"Start-VM -Name 'vm-1' -ErrorAction Stop") echo "$host" > $dir/at ;;
"Move-VM -Name 'vm-1' -DestinationHost '"*"' -ErrorAction Stop")
  to=${8#*DestinationHost \'}; echo "${to%%\'*}" > $dir/at ;;
"(Get-VM -Name 'vm-1' -ErrorAction Stop).State")
  if [ "$(cat $dir/at)" = "$host" ]; then printf 'Running\r\n'
  else
    printf 'Get-VM : Hyper-V was unable to find a virtual machine with name "vm-1".\r\n' >&2
    printf 'At line:1 char:2\r\n    + FullyQualifiedErrorId : InvalidParameter\r\n' >&2
    exit 1
  fi ;;
"Stop-VM -Name 'vm-1' -TurnOff -ErrorAction Stop") rm $dir/at ;;
*) printf 'The term is not recognized\r\n' >&2; exit 1 ;;
esac
)sh"};

CommandProfile read_shipped(const std::string& name) {
  std::ifstream file(in_source_tree("hypervisors/" + name + ".toml"));
  std::ostringstream text;
  text << file.rdbuf();
  auto profile = parse_profile(text.str());
  EXPECT_TRUE(profile) << name << ": " << profile.error().message;
  return profile.value_or(CommandProfile{});
}

class ShippedProfile : public testing::TestWithParam<Shipped> {};

TEST_P(ShippedProfile, MovesAVmToAndFro) {
  const StandIns stand_ins;
  stand_ins.command(GetParam().program, GetParam().script);
  stand_ins.write("at", "");
  const CommandProfile profile = read_shipped(GetParam().name);
  EXPECT_EQ(profile.name, GetParam().name);
  EXPECT_FALSE(profile.tested_for_real) << "only the stand-in was ever seen to work";
  ASSERT_TRUE(profile.both_ways);
  RealClock clock;
  auto driver = CommandDriver::make(clock, profile, "vm-1", GetParam().variables);
  ASSERT_TRUE(driver) << driver.error().message;
  const auto started = driver->start({});
  ASSERT_TRUE(started) << started.error().message;
  for (int i = 0; i < 2; ++i) {
    const auto outcome = migrate(clock, *driver, {}, Seconds(60), {});
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted) << outcome->reason;
    EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kDestination);
    driver->turn_round();
  }
  const auto stopped = driver->stop_vm({});
  EXPECT_TRUE(stopped) << stopped.error().message;
  EXPECT_EQ(driver->where({})->vm, VmRunsOn::kUnknown) << "it is off";
}
INSTANTIATE_TEST_SUITE_P(All, ShippedProfile, testing::Values(kVirsh, kXe, kGovc, kHyperV),
                         [](const auto& one) {
                           std::string name = one.param.name;
                           std::erase(name, '-');
                           return name;
                         });

TEST(ShippedProfiles, AreAllTested) {
  std::size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(in_source_tree("hypervisors"))) {
    if (file.path().extension() == ".toml") ++files;
  }
  EXPECT_EQ(files, 4u) << "add the new one to ShippedProfile";
}

}  // namespace
}  // namespace godwit::command
