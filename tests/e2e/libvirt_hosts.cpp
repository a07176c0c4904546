#include "libvirt_hosts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>

#include "godwit/base/proc_file.h"
#include "godwit/base/process.h"
#include "source_tree.h"
#include "start_program.h"

namespace godwit::e2e {
namespace {

namespace fs = std::filesystem;

constexpr Seconds kPatience{60};
constexpr std::array kNames{"a", "b"};

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

void await(Clock& clock, const std::string& what, const std::function<bool()>& come) {
  const TimePoint give_up = clock.now() + kPatience;
  while (!come()) {
    if (clock.now() > give_up) throw std::runtime_error(what + " did not come");
    (void)clock.wait_until(clock.now() + Seconds(0.02), {});
  }
}

Finished run(Clock& clock, const std::vector<std::string>& words) {
  ProcessSpec spec{program_path(words.front()).value_or(words.front()), words};
  auto process = Process::start(spec);
  if (!process) throw std::runtime_error(process.error().message);
  (void)process->follow(clock, clock.now() + kPatience, {});
  Finished finished;
  finished.status = process->end() && process->end()->well() ? 0 : 1;
  finished.out = process->out();
  finished.err = process->err();
  return finished;
}

void must(Clock& clock, const std::vector<std::string>& words) {
  const Finished finished = run(clock, words);
  if (finished.status != 0) throw std::runtime_error(words.front() + ": " + finished.err);
}

std::string random_uuid() {
  return first_line("/proc/sys/kernel/random/uuid");
}

std::string daemon_settings(const std::string& folder) {
  return fmt::format(
      "listen_tls = 0\nlisten_tcp = 1\nauth_tcp = \"none\"\nauth_unix_rw = \"none\"\n"
      "auth_unix_ro = \"none\"\nunix_sock_dir = \"{0}/run\"\nhost_uuid = \"{1}\"\n",
      folder, random_uuid());
}

std::string qemu_settings(int number) {
  return fmt::format(
      "user = \"root\"\ngroup = \"root\"\ndynamic_ownership = 0\nremember_owner = 0\n"
      "security_driver = \"none\"\nnamespaces = []\ncgroup_controllers = []\n"
      "stdio_handler = \"file\"\nmigration_address = \"10.92.0.{0}\"\n"
      "migration_host = \"10.92.0.{0}\"\nseccomp_sandbox = 0\n",
      number);
}

std::string domain_xml(const std::string& folder, const std::string& uuid,
                       const std::string& load) {
  return fmt::format(R"(<domain type='qemu'><name>vm</name><uuid>{}</uuid>
<memory unit='MiB'>192</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type><kernel>{}</kernel>
<initrd>{}</initrd><cmdline>{} godwit.load={}</cmdline></os>
<features><acpi/></features><cpu mode='custom' match='exact'><model>Nehalem</model></cpu>
<clock offset='utc'/><on_reboot>destroy</on_reboot>
<devices><emulator>{}</emulator>
<serial type='file'><source path='{}/guest/console' append='on'/><target port='0'/></serial>
<serial type='file'><source path='{}/guest/report' append='on'/><target port='1'/></serial>
<controller type='usb' model='none'/><memballoon model='none'/><video><model type='none'/></video>
</devices></domain>)",
                     uuid, image("vmlinux"), image("initrd.img"), first_line(image("cmdline")),
                     load, program_path("qemu-system-x86_64").value(), folder, folder);
}

}  // namespace

std::string LibvirtHosts::why_not() {
  if (::geteuid() != 0) return "needs root";
  for (const char* program : {"libvirtd", "virsh", "qemu-system-x86_64"}) {
    if (!program_path(program)) return std::string("needs ") + program;
  }
  return "";
}

LibvirtHosts::LibvirtHosts(const std::string& load) {
  folder_ = "/tmp/godwit-libvirt-XXXXXX";
  if (::mkdtemp(folder_.data()) == nullptr) throw std::runtime_error("no temporary folder");
  own_network_.reset(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  fs::create_directories(folder_ + "/guest");
  ::setenv("XDG_STATE_HOME", (folder_ + "/state").c_str(), 1);  // its process is the test's own
  try {
    start_host(Side::kSource);
    start_host(Side::kDestination);
    lay_cable();
    for (const Side side : {Side::kSource, Side::kDestination}) start_daemon(side);
    // another one beside it would else have the same: a QEMU is found by it
    write_file(folder_ + "/vm.xml", domain_xml(folder_, random_uuid(), load));
    virsh(Side::kSource, {"define", folder_ + "/vm.xml"});
    virsh(Side::kSource, {"start", "vm"});
    check_ = std::make_unique<lab::LabGuestCheck>(
        lab::LabGuestCheck::Files{folder_ + "/guest/console", folder_ + "/guest/report"},
        lab::LabGuestCheck::Files{folder_ + "/guest/console", folder_ + "/guest/report"});
    await(clock_, "a guest that works", [this] { return work() > 0; });
  } catch (...) {
    end();
    throw;
  }
}

LibvirtHosts::~LibvirtHosts() {
  end();
}

void LibvirtHosts::end() {
  (void)::setns(own_network_.get(), CLONE_NEWNET);
  for (Host& host : hosts_) {
    if (host.init > 0) ::kill(host.init, SIGKILL);  // and all that runs on it
    if (host.unshare > 0) ::waitpid(host.unshare, nullptr, 0);
  }
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void LibvirtHosts::start_host(Side side) {
  Host& host = hosts_[index(side)];
  const std::string name = kNames[index(side)];
  host.folder = folder_ + "/" + name;
  for (const char* one : {"etc", "lib", "log", "cache", "run"}) {
    fs::create_directories(host.folder + "/" + one);
  }
  write_file(host.folder + "/etc/libvirtd.conf", daemon_settings(host.folder));
  write_file(host.folder + "/etc/qemu.conf", qemu_settings(static_cast<int>(index(side)) + 1));
  ::mkfifo((host.folder + "/control").c_str(), 0600);
  host.unshare = start_program(
      {"unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child",
       in_source_tree("tests/e2e/libvirt-host"), host.folder, "host-" + name},
      {host.folder + "/host.log"});
  await(clock_, "host " + name, [&] { return fs::exists(host.folder + "/ready"); });
  const std::string children = text_of(fmt::format("/proc/{0}/task/{0}/children", host.unshare));
  host.init =
      static_cast<pid_t>(natural_number(children.substr(0, children.find(' '))).value_or(-1));
  if (host.init <= 0) throw std::runtime_error("host " + name + " has no processes");
}

void LibvirtHosts::lay_cable() {
  const auto at = [](const Host& host) {
    return std::vector<std::string>{"nsenter", "--net", "--target", std::to_string(host.init),
                                    "ip"};
  };
  const auto ip = [&](const Host& host, const std::string& words) {
    std::vector<std::string> all = at(host);
    std::istringstream in(words);
    for (std::string word; in >> word;) all.push_back(word);
    must(clock_, all);
  };
  ip(hosts_[0], fmt::format("link add wire type veth peer name wire netns {}", hosts_[1].init));
  for (const std::size_t i : {0U, 1U}) {
    ip(hosts_[i], fmt::format("address add 10.92.0.{}/24 dev wire", i + 1));
    ip(hosts_[i], "link set wire up");
  }
  const UniqueFd first(
      ::open(fmt::format("/proc/{}/ns/net", hosts_[0].init).c_str(), O_RDONLY | O_CLOEXEC));
  if (::setns(first.get(), CLONE_NEWNET) != 0) throw std::runtime_error("setns failed");
}

void LibvirtHosts::start_daemon(Side side) {
  const Host& host = hosts_[index(side)];
  write_file(host.folder + "/control", "start\n");
  await(clock_, "a daemon that answers", [&] { return try_virsh(side, {"list"}).status == 0; });
}

void LibvirtHosts::kill_daemon(Side side) {
  const Host& host = hosts_[index(side)];
  // its number is that of its own namespace
  must(clock_, {"nsenter", "--pid", "--mount", "--target", std::to_string(host.init), "kill", "-9",
                first_line(host.folder + "/libvirtd.number")});
  await(clock_, "the daemon's end", [&] { return try_virsh(side, {"list"}).status != 0; });
}

std::string LibvirtHosts::another_domain(const std::string& name, const std::string& uuid) {
  const std::string path = folder_ + "/" + name + "-" + uuid + ".xml";
  write_file(path, domain_xml(folder_, uuid, "idle"));
  return path;
}

/// What is mounted over it stays unseen on the other host.
void LibvirtHosts::hide_console(Side side) {
  must(clock_, {"nsenter", "--mount", "--target", std::to_string(hosts_[index(side)].init), "mount",
                "-t", "tmpfs", "-o", "ro", "none", folder_ + "/guest"});
}

/// The source's as somebody on it names it; the destination's as another host does.
std::string LibvirtHosts::uri(Side side) const {
  return side == Side::kSource
             ? fmt::format("qemu:///system?socket={}/run/libvirt-sock", hosts_[0].folder)
             : "qemu+tcp://10.92.0.2/system";
}

std::vector<std::string> LibvirtHosts::migrate(const std::vector<std::string>& more) const {
  std::vector<std::string> words{"migrate", vm(Side::kSource), destination(), "--json",
                                 "--store", store(),           "--no-profile"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Finished LibvirtHosts::try_virsh(Side side, const std::vector<std::string>& words) {
  std::vector<std::string> all{"virsh", "--quiet", "--connect", uri(side)};
  all.insert(all.end(), words.begin(), words.end());
  return run(clock_, all);
}

std::string LibvirtHosts::virsh(Side side, const std::vector<std::string>& words) {
  const Finished finished = try_virsh(side, words);
  if (finished.status != 0)
    throw std::runtime_error("virsh " + words.front() + ": " + finished.err);
  return finished.out;
}

std::string LibvirtHosts::state(Side side) {
  const Finished said = try_virsh(side, {"domstate", "--reason", "vm"});
  return said.status == 0 ? said.out.substr(0, said.out.find('\n')) : "none";
}

void LibvirtHosts::await_state(Side side, const std::string& begin) {
  await(clock_, begin, [&] { return state(side).starts_with(begin); });
}

void LibvirtHosts::await_no_job() {
  await(clock_, "the job's end", [&] {
    return try_virsh(Side::kSource, {"domjobinfo", "vm"}).out.find("None") != std::string::npos;
  });
}

void LibvirtHosts::await_sent(double mib) {
  await(clock_, "so much sent", [&] {
    const Finished said = try_virsh(Side::kSource, {"domjobinfo", "vm", "--rawstats"});
    const std::string mark = "memory_processed: ";
    const std::size_t at = said.out.find(mark);
    return said.status == 0 && at != std::string::npos &&
           std::stod(said.out.substr(at + mark.size())) >= mib * 1024 * 1024;
  });
}

std::int64_t LibvirtHosts::work() {
  const auto vitals = check_->look(Side::kSource);
  return vitals ? vitals->work.value_or(0) : 0;
}

bool LibvirtHosts::works() {
  const std::int64_t before = work();
  const TimePoint give_up = clock_.now() + kPatience;
  while (clock_.now() < give_up) {
    if (work() > before) return true;
    (void)clock_.wait_until(clock_.now() + Seconds(0.02), {});
  }
  return false;
}

}  // namespace godwit::e2e
