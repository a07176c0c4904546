#include "godwit/libvirt_lab/libvirt_lab.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "godwit/base/log.h"
#include "godwit/base/proc_file.h"
#include "godwit/lab/booted_state.h"
#include "godwit/lab/facts.h"
#include "saved_domain.h"

namespace godwit::libvirt_lab {
namespace {

namespace fs = std::filesystem;

/// A daemon answers within a second or two, and a guest works within ten, emulated; a busy machine
/// takes several times as long.
constexpr Seconds kPatience{60};
constexpr Seconds kGuestPatience{120};
constexpr Seconds kTick{0.02};

/// PID 1 of a host: a shell, as it reaps whatever libvirt leaves to PID 1. A line from the
/// descriptor starts the daemon, by the last words that it is given; once nobody can write one any
/// more, the host ends, with all that runs on it, and removes what it wrote.
constexpr const char* kInit = R"(set -eu
base=$1 folder=$2 name=$3 control=$4 daemon=$5
shift 5
read -r number _ </proc/self/stat # as who reads "ready" has it
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/libvirt
hostname "$name"
ip link set lo up
if [ "$daemon" = system ]; then
  mount -o bind "$folder/etc/libvirt" /etc/libvirt
  for kind in lib log cache; do mount -o bind "$folder/$kind/libvirt" "/var/$kind/libvirt"; done
fi
echo "$number" >"$folder/ready"
while read -r -u "$control" _; do
  "$@" >>"$folder/libvirtd.log" 2>&1 {control}<&- &
  echo $! >"$folder/libvirtd.number"
done
kill -9 -1 || true
cd /
if [ "$daemon" = system ]; then
  umount -l /etc/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt || true
fi
rm -rf "$base"
)";

/// What has to be there, with Debian's package of it.
constexpr std::pair<const char*, const char*> kPrograms[] = {
    {"libvirtd", "libvirt-daemon-system"},
    {"virsh", "libvirt-clients"},
    {"qemu-system-x86_64", "qemu-system-x86"},
    {"unshare", "util-linux"},
    {"nsenter", "util-linux"},
    {"ip", "iproute2"},
    {"bash", "bash"}};

Result<void> check_programs() {
  for (const auto& [program, package] : kPrograms) {
    if (program_path(program)) continue;
    return fail(ErrorCode::kEnvironment, fmt::format("the program {} is missing", program),
                fmt::format("install Debian's package {}", package));
  }
  // its daemon's driver is a package of its own
  std::error_code unseen;  // to an ordinary user
  if (fs::exists("/var/lib/libvirt", unseen) && fs::exists("/etc/libvirt", unseen)) return {};
  return fail(ErrorCode::kEnvironment, "libvirt's folders are missing",
              "install Debian's packages libvirt-daemon-system and libvirt-daemon-driver-qemu");
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string random_uuid() {
  return first_line("/proc/sys/kernel/random/uuid");
}

std::string address_of(std::size_t host) {
  return fmt::format("10.92.0.{}", host + 1);
}

Result<void> await(Clock& clock, const std::string& what, Seconds patience,
                   const std::stop_token& stop, const std::function<bool()>& come) {
  const TimePoint give_up = clock.now() + patience;
  while (!come()) {
    if (stop.stop_requested()) return fail(ErrorCode::kInterrupted, "stopped on request");
    if (clock.now() > give_up) {
      return fail(ErrorCode::kTimeout,
                  fmt::format("{} did not come within {:.0f} s", what, patience.count()),
                  "try again on a machine that is less busy");
    }
    (void)clock.wait_until(clock.now() + kTick, stop);
  }
  return {};
}

Result<Said> run(const Clock& clock, const std::vector<std::string>& words) {
  const auto path = program_path(words.front());
  if (!path) return fail(ErrorCode::kEnvironment, fmt::format("{} is missing", words.front()));
  GODWIT_TRY(Process process, Process::start({*path, words}));
  (void)process.follow(clock, clock.now() + kPatience, {});
  return Said{process.end() && process.end()->well(), process.out(), process.err()};
}

Result<void> must(const Clock& clock, const std::vector<std::string>& words) {
  GODWIT_TRY(const Said said, run(clock, words));
  if (said.well) return {};
  return fail(ErrorCode::kEnvironment,
              fmt::format("'{}' failed: {}", fmt::join(words, " "), last_line(said.err)));
}

std::string daemon_settings(const std::string& folder) {
  return fmt::format(
      "listen_tls = 0\nlisten_tcp = 1\nauth_tcp = \"none\"\nauth_unix_rw = \"none\"\n"
      "auth_unix_ro = \"none\"\nunix_sock_dir = \"{0}/run\"\nhost_uuid = \"{1}\"\n",
      folder, random_uuid());
}

std::string qemu_settings(const std::string& address, bool session) {
  // a session's daemon has no choice of these
  const char* const of_system =
      "user = \"root\"\ngroup = \"root\"\ndynamic_ownership = 0\nremember_owner = 0\n"
      "namespaces = []\ncgroup_controllers = []\n";
  return fmt::format(
      "{0}security_driver = \"none\"\nstdio_handler = \"file\"\nmigration_address = \"{1}\"\n"
      "migration_host = \"{1}\"\nseccomp_sandbox = 0\n",
      session ? "" : of_system, address);
}

/// What a number of the one who is root in this user namespace is outside of it.
std::string number_outside(const char* map) {
  std::istringstream line(first_line(map));
  std::string inside, outside;
  line >> inside >> outside;
  return outside;
}

/// libvirtd takes who is root, if only in a namespace, for the system: so a session's daemon, and
/// the QEMUs that it starts, are the ordinary user again, in a namespace below.
std::vector<std::string> daemon_words(const std::string& folder, bool session) {
  std::vector<std::string> words{"libvirtd", "-l", "-f", folder + "/etc/libvirt/libvirtd.conf"};
  if (!session) return words;
  const std::vector<std::string> as_user{"env",
                                         "XDG_CONFIG_HOME=" + folder + "/etc",
                                         "XDG_DATA_HOME=" + folder + "/lib",
                                         "XDG_STATE_HOME=" + folder + "/log",
                                         "XDG_CACHE_HOME=" + folder + "/cache",
                                         "XDG_RUNTIME_DIR=" + folder + "/run",
                                         "unshare",
                                         "--map-user=" + number_outside("/proc/self/uid_map"),
                                         "--map-group=" + number_outside("/proc/self/gid_map")};
  words.insert(words.begin(), as_user.begin(), as_user.end());
  return words;
}

/// Under another UUID each time: another lab beside this would else have the same. `told`: a file
/// with what its guest is to do; without, it boots and waits.
std::string definition_of(const DomainSpec& spec, const std::string& image,
                          const lab::LabGuestCheck::Files& files,
                          const std::optional<std::string>& told) {
  const std::string words =
      told ? fmt::format("<sysinfo type='fwcfg'><entry name='opt/godwit' file='{}'/></sysinfo>",
                         *told)
           : "";
  return fmt::format(R"(<domain type='qemu'><name>{}</name><uuid>{}</uuid>
<memory unit='MiB'>{}</memory><vcpu>1</vcpu>{}
<os><type arch='x86_64' machine='q35'>hvm</type><kernel>{}/vmlinux</kernel>
<initrd>{}/initrd.img</initrd><cmdline>{} godwit.told=1 {}</cmdline></os>
<features><acpi/></features><cpu mode='custom' match='exact'><model>Nehalem</model></cpu>
<clock offset='utc'/><on_reboot>destroy</on_reboot>
<devices><emulator>{}</emulator>
<serial type='file'><source path='{}' append='on'/><target port='0'/></serial>
<serial type='file'><source path='{}' append='on'/><target port='1'/></serial>
<controller type='usb' model='none'/><memballoon model='none'/><video><model type='none'/></video>
{}</devices></domain>)",
                     spec.name, random_uuid(), spec.memory.count() >> 20, words, image, image,
                     first_line(image + "/cmdline"), spec.kernel,
                     program_path("qemu-system-x86_64").value_or(""), files.console, files.report,
                     spec.devices);
}

std::string stamp_of_programs() {
  std::string stamp;
  for (const char* program : {"qemu-system-x86_64", "libvirtd"}) {
    stamp += lab::stamp_of(program_path(program).value_or(program));
  }
  return stamp;
}

/// All that domains are alike in until they are told what to do.
std::string key_of(const DomainSpec& spec, const std::string& image, const std::string& folder) {
  std::string key = stamp_of_programs() + lab::stamp_of_image(image);
  key += fmt::format("{} {} {}", spec.memory.count(), spec.kernel, spec.devices);
  for (std::size_t at = 0; (at = key.find(folder, at)) != std::string::npos;) {
    key.replace(at, folder.size(), "{folder}");
  }
  return key;
}

/// What daemons have been told by each QEMU is kept for the next lab's: asking takes them a second
/// of a processor's time. They know themselves when it no longer holds.
fs::path kept_answers() {
  const std::string cache = lab::cache_folder();
  if (cache.empty()) return {};
  const auto whose = std::hash<std::string>{}(stamp_of_programs());
  return fs::path(cache) / fmt::format("libvirt-{:016x}", whose);
}

void take_answers(const fs::path& cache_of_host) {
  std::error_code none;
  fs::copy(kept_answers(), cache_of_host, fs::copy_options::recursive, none);
}

void keep_answers(const fs::path& cache_of_host) {
  const fs::path kept = kept_answers();
  std::error_code none;
  if (kept.empty() || fs::exists(kept, none)) return;
  if (fs::is_empty(cache_of_host / "qemu/capabilities", none) || none) return;
  const fs::path mine = kept.string() + "." + random_uuid();
  fs::create_directories(mine, none);
  fs::copy(cache_of_host, mine, fs::copy_options::recursive, none);
  fs::rename(mine, kept, none);  // fails where another lab was quicker
  fs::remove_all(mine, none);
}

}  // namespace

Result<std::unique_ptr<LibvirtLab>> LibvirtLab::up(Clock& clock, std::size_t hosts,
                                                   const std::stop_token& stop) {
  if (::geteuid() != 0) {
    return fail(ErrorCode::kEnvironment,
                "hosts of libvirt's are built by root, if only in namespaces", "use sudo");
  }
  GODWIT_CHECK_OK(check_programs());
  std::error_code none;
  std::string folder = fs::temp_directory_path(none).string() + "/godwit-libvirt-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return fail(errno_error("making a folder", errno));
  std::unique_ptr<LibvirtLab> lab(new LibvirtLab(clock, folder));
  while (lab->hosts_.size() < hosts) GODWIT_CHECK_OK(lab->start_host(stop));
  GODWIT_CHECK_OK(lab->connect_hosts());
  GODWIT_CHECK_OK(lab->enter_first());
  for (std::size_t i = 0; i < hosts; ++i) GODWIT_CHECK_OK(lab->start_daemon(i, stop));
  return lab;
}

LibvirtLab::LibvirtLab(Clock& clock, std::string folder)
    : clock_(clock), folder_(std::move(folder)), sessions_(!lab::facts().root) {
  fs::create_directories(folder_ + "/guests");
}

LibvirtLab::~LibvirtLab() {
  if (own_network_.valid()) (void)::setns(own_network_.get(), CLONE_NEWNET);
  if (!hosts_.empty()) keep_answers(hosts_.front().folder + "/cache/libvirt");
  for (Host& host : hosts_) host.control.reset();
  constexpr Seconds kEndPatience{10};
  for (Host& host : hosts_) {
    if (host.process) (void)host.process->follow(clock_, clock_.now() + kEndPatience, {});
  }
  hosts_.clear();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

Result<void> LibvirtLab::start_host(const std::stop_token& stop) {
  const std::size_t number = hosts_.size();
  Host& host = hosts_.emplace_back();
  const std::string name = fmt::format("host-{}", static_cast<char>('a' + number));
  host.folder = fmt::format("{}/{}", folder_, name);
  for (const char* one : {"etc/libvirt", "lib/libvirt", "log/libvirt", "cache/libvirt", "run"}) {
    fs::create_directories(host.folder + "/" + one);
  }
  take_answers(host.folder + "/cache/libvirt");
  write_file(host.folder + "/etc/libvirt/libvirtd.conf", daemon_settings(host.folder));
  write_file(host.folder + "/etc/libvirt/qemu.conf", qemu_settings(address_of(number), sessions_));
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail(errno_error("making a pair of sockets", errno));
  }
  const UniqueFd theirs(ends[0]);
  host.control.reset(ends[1]);
  ProcessSpec spec;
  spec.program = program_path("unshare").value();
  spec.arguments = {"unshare", "-n",    "-m",        "-u", "-i",
                    "-p",      "-f",    "bash",      "-c", kInit,
                    "host",    folder_, host.folder, name, std::to_string(theirs.get()),
                    kind()};
  const auto daemon = daemon_words(host.folder, sessions_);
  spec.arguments.insert(spec.arguments.end(), daemon.begin(), daemon.end());
  spec.keep_open = theirs.get();
  GODWIT_TRY(Process process, Process::start(spec));
  host.process = std::make_unique<Process>(std::move(process));
  const auto init = [&host] { return natural_number(first_line(host.folder + "/ready")); };
  const auto up = await(clock_, name, kPatience, stop, [&] {
    (void)host.process->follow(clock_, clock_.now(), {});
    return init() || host.process->end();
  });
  if (!up) return up;
  if (!init()) {
    return fail(ErrorCode::kEnvironment,
                fmt::format("{} could not be built: {}", name, last_line(host.process->err())),
                "see whether this machine lets namespaces be made");
  }
  host.init = static_cast<pid_t>(*init());
  return {};
}

/// A bridge on the first host, to which all are connected.
Result<void> LibvirtLab::connect_hosts() {
  const auto ip = [this](const Host& host, const std::string& words) {
    std::vector<std::string> all{"nsenter", "-n", "-t", std::to_string(host.init), "ip"};
    std::istringstream in(words);
    for (std::string word; in >> word;) all.push_back(word);
    return must(clock_, all);
  };
  const Host& first = hosts_.front();
  GODWIT_CHECK_OK(ip(first, "link add wire type bridge mcast_snooping 0"));
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    const Host& host = hosts_[i];
    if (i > 0) {
      const std::string port = fmt::format("wire{}", i);
      GODWIT_CHECK_OK(
          ip(first, fmt::format("link add {} type veth peer name wire netns {}", port, host.init)));
      GODWIT_CHECK_OK(ip(first, fmt::format("link set {} master wire up", port)));
    }
    GODWIT_CHECK_OK(ip(host, fmt::format("address add {}/24 dev wire", address_of(i))));
    GODWIT_CHECK_OK(ip(host, "link set wire up"));
  }
  return {};
}

Result<void> LibvirtLab::enter_first() {
  own_network_.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  const std::string path = fmt::format("/proc/{}/ns/net", hosts_.front().init);
  const UniqueFd first(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (own_network_.valid() && ::setns(first.get(), CLONE_NEWNET) == 0) return {};
  return fail(errno_error("entering the first host's network", errno));
}

Result<void> LibvirtLab::start_daemon(std::size_t host, const std::stop_token& stop) {
  constexpr std::string_view kStart = "start\n";
  const int control = hosts_[host].control.get();
  if (::send(control, kStart.data(), kStart.size(), MSG_NOSIGNAL) != std::ssize(kStart)) {
    return fail(errno_error("starting a daemon", errno));
  }
  const auto answers = [&] {
    const auto said = virsh(host, {"list"});
    return said && said->well;
  };
  auto started = await(clock_, "a daemon that answers", kPatience, stop, answers);
  if (started || started.error().code != ErrorCode::kTimeout) return started;
  std::ifstream log(hosts_[host].folder + "/libvirtd.log");
  const std::string said((std::istreambuf_iterator<char>(log)), std::istreambuf_iterator<char>());
  return fail(started.error().while_doing(last_line(said)));
}

// --- domains ---

std::string LibvirtLab::uri(std::size_t host) const {
  return fmt::format("qemu:///{}?socket={}/run/libvirt-sock", kind(), hosts_[host].folder);
}

std::string LibvirtLab::uri_from_afar(std::size_t host) const {
  return fmt::format("qemu+tcp://{}/{}", address_of(host), kind());
}

lab::LabGuestCheck::Files LibvirtLab::files_of(const std::string& domain) const {
  const std::string stem = fmt::format("{}/guests/{}", folder_, domain);
  return {stem + ".console", stem + ".report"};
}

std::string LibvirtLab::file_of(const std::string& definition) const {
  std::string path = fmt::format("{}/{}.xml", folder_, random_uuid());
  write_file(path, definition);
  return path;
}

std::string LibvirtLab::told(const DomainSpec& spec, const std::string& image) const {
  // by a file: libvirt 11.3 gives QEMU the commas of a load's words as they are
  const std::string what_to_do = fmt::format("{}/{}.told", folder_, random_uuid());
  write_file(what_to_do, "godwit.load=" + spec.load);
  return definition_of(spec, image, files_of(spec.name), what_to_do);
}

Result<std::string> LibvirtLab::definition(const DomainSpec& spec) const {
  GODWIT_TRY(const std::string image, lab::find_guest_image());
  return file_of(told(spec, image));
}

Result<void> LibvirtLab::start_domain(std::size_t host, const DomainSpec& spec,
                                      const std::stop_token& stop) {
  GODWIT_TRY(const std::string image, lab::find_guest_image());
  const std::string definition = told(spec, image);
  GODWIT_CHECK_OK(must_virsh(host, {"define", file_of(definition)}));
  GODWIT_TRY(const bool restored, restore_domain(host, spec, image, definition, stop));
  if (!restored) GODWIT_CHECK_OK(must_virsh(host, {"start", spec.name}));
  lab::LabGuestCheck check(files_of(spec.name), files_of(spec.name));
  return await(clock_, "a guest that works", kGuestPatience, stop, [&check] {
    const auto vitals = check.look(Side::kSource);
    return vitals && vitals->work.value_or(0) > 0;
  });
}

Result<bool> LibvirtLab::restore_domain(std::size_t host, const DomainSpec& spec,
                                        const std::string& image, const std::string& definition,
                                        const std::stop_token& stop) {
  const auto stored = lab::booted_state(key_of(spec, image, folder_), [&](const std::string& to) {
    return store_booted(host, spec, image, to, stop);
  });
  if (stop.stop_requested()) return fail(ErrorCode::kInterrupted, "stopped on request");
  if (!stored) return false;
  const std::string saved = fmt::format("{}/{}.saved", folder_, random_uuid());
  auto restored = write_saved_domain(*stored, definition, saved);
  if (restored) restored = must_virsh(host, {"restore", saved});
  std::error_code ignored;
  fs::remove(saved, ignored);
  if (restored) return true;
  log::info("{} boots, as what was stored did not start: {}", spec.name, restored.error().message);
  lab::forget_booted_state(*stored);
  return false;
}

/// The domain is for that time of another name: nothing of it stays.
Result<void> LibvirtLab::store_booted(std::size_t host, DomainSpec spec, const std::string& image,
                                      const std::string& to, const std::stop_token& stop) {
  spec.name += "-" + random_uuid();
  const auto files = files_of(spec.name);
  GODWIT_CHECK_OK(must_virsh(host, {"create", file_of(definition_of(spec, image, files, {}))}));
  std::ifstream console(files.console);
  auto stored = await(clock_, "a guest that has booted", kGuestPatience, stop, [&] {
    console.clear();
    bool waits = false;
    for (std::string line; std::getline(console, line);) waits |= lab::waits_to_be_told(line);
    return waits;
  });
  if (stored) stored = must_virsh(host, {"save", spec.name, to});
  if (!stored) (void)virsh(host, {"destroy", spec.name});
  for (const std::string& file : {files.console, files.report}) fs::remove(file);
  return stored;
}

Result<void> LibvirtLab::must_virsh(std::size_t host, const std::vector<std::string>& words) const {
  GODWIT_TRY(const Said said, virsh(host, words));
  if (said.well) return {};
  return fail(ErrorCode::kEnvironment,
              fmt::format("virsh {} failed: {}", words.front(), last_line(said.err)));
}

Result<Said> LibvirtLab::virsh(std::size_t host, const std::vector<std::string>& words) const {
  std::vector<std::string> all{"virsh", "-q", "-c", uri(host)};
  all.insert(all.end(), words.begin(), words.end());
  return run(clock_, all);
}

}  // namespace godwit::libvirt_lab
