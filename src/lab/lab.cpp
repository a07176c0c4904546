#include "godwit/lab/lab.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <optional>
#include <set>

#include "booted.h"
#include "command.h"
#include "disk.h"
#include "godwit/lab/facts.h"
#include "line.h"
#include "lock.h"
#include "netns.h"
#include "network.h"
#include "paths.h"
#include "processes.h"
#include "qemu.h"
#include "state.h"

namespace godwit::lab {
namespace {

namespace fs = std::filesystem;

std::set<std::string> network_namespaces_of(const std::string& lab) {
  std::set<std::string> ids;
  for (const std::string& name : netns_names(netns_prefix(lab))) {
    if (std::string id = namespace_of(name); !id.empty()) ids.insert(std::move(id));
  }
  return ids;
}

/// Processes first, since they hold namespaces and files; and once more at the end: a QEMU that was
/// being started by a godwit killed meanwhile can't make its files any more, and dies of it too.
Result<void> tear_down(const LabLock& lock) {
  const std::string& lab = lock.lab();
  const auto namespaces = network_namespaces_of(lab);
  const auto ours = [folder = lab_folder(lab), &namespaces,
                     user = facts_of(getpid()).user_namespace](const ProcessFacts& process) {
    return process.user_namespace == user &&
           (is_qemu_in(process, folder) || namespaces.contains(process.network_namespace));
  };
  GODWIT_CHECK_OK(end_processes(ours));
  for (const std::string& name : netns_names(netns_prefix(lab))) {
    GODWIT_CHECK_OK(remove_netns(name));
  }
  std::error_code error;
  fs::remove_all(lab_folder(lab), error);
  if (error) {
    return fail(errno_error(fmt::format("removing {}", lab_folder(lab)), error.value()));
  }
  fs::remove(kRunRoot, error);  // stays while another lab is in it
  return end_processes(ours);
}

bool exists_whole(const LabRecord& record) {
  if (!record.complete || record.boot != boot_id()) return false;
  if (record.spec.round_trip > Seconds(0) && !line_runs(record.spec.name)) return false;
  std::vector<std::string> names{netns_name(record.spec.name, kClient),
                                 netns_name(record.spec.name, kSwitch)};
  for (const std::string& host : record.spec.hosts) {
    names.push_back(netns_name(record.spec.name, host));
  }
  return std::all_of(names.begin(), names.end(), [](const std::string& name) {
    std::error_code unknown;
    return fs::exists(netns_path(name), unknown);
  });
}

Result<LabRecord> load_whole(const std::string& lab) {
  auto record = load_record(lab);
  if (!record && record.error().code != ErrorCode::kNotFound) return record;
  if (record && exists_whole(*record)) return record;
  return fail(ErrorCode::kNotFound, fmt::format("the lab '{}' is not whole", lab),
              "build it anew: godwit lab down, then godwit lab up");
}

Instance instance_of(const LabSpec& lab, const GuestRecord& guest, const std::string& host) {
  const auto at = std::find(lab.hosts.begin(), lab.hosts.end(), host);
  const auto host_index = static_cast<std::size_t>(at - lab.hosts.begin());
  Instance instance = qemu_of(lab.name, guest, host);
  instance.incoming = host != guest.hosts.front();
  instance.disk = disk_file_of(lab.name, guest.spec, host);
  instance.stream =
      fmt::format("tcp:{}:{}", migration_address(host_index), migration_port(guest.index));
  return instance;
}

GuestStatus status_of(const LabSpec& lab, const GuestRecord& guest) {
  GuestStatus status{guest.spec, guest_address(guest.index), {}};
  for (const std::string& host : guest.hosts) {
    status.instances.push_back(instance_of(lab, guest, host));
  }
  return status;
}

LabStatus status_of(const LabRecord& record) {
  const LabSpec& spec = record.spec;
  LabStatus status;
  status.spec = spec;
  status.complete = exists_whole(record);
  status.client_netns = netns_path(netns_name(spec.name, kClient));
  for (std::size_t i = 0; i < spec.hosts.size(); ++i) {
    status.hosts.push_back({spec.hosts[i], netns_path(netns_name(spec.name, spec.hosts[i])),
                            migration_address(i), kMigrationInterface});
  }
  for (const GuestRecord& guest : record.guests) status.guests.push_back(status_of(spec, guest));
  return status;
}

Result<void> require_host(const LabSpec& lab, const std::string& host) {
  if (std::find(lab.hosts.begin(), lab.hosts.end(), host) != lab.hosts.end()) return {};
  return fail(ErrorCode::kNotFound, fmt::format("the lab '{}' has no host '{}'", lab.name, host),
              fmt::format("its hosts are: {}", fmt::join(lab.hosts, ", ")));
}

Result<GuestRecord*> require_guest(LabRecord& record, const std::string& guest) {
  if (GuestRecord* found = record.find(guest)) return found;
  std::vector<std::string> names;
  for (const GuestRecord& other : record.guests) names.push_back(other.spec.name);
  return fail(ErrorCode::kNotFound,
              fmt::format("the lab '{}' has no guest '{}'", record.spec.name, guest),
              names.empty() ? "it has none yet: start one with godwit lab up"
                            : fmt::format("its guests are: {}", fmt::join(names, ", ")));
}

Result<int> free_index(const LabRecord& record) {
  for (int index = 0; index < kMostGuests; ++index) {
    const bool taken =
        std::any_of(record.guests.begin(), record.guests.end(),
                    [index](const GuestRecord& guest) { return guest.index == index; });
    if (!taken) return index;
  }
  return fail(ErrorCode::kBadInput, fmt::format("a lab holds {} guests at most", kMostGuests),
              "stop one first");
}

/// Of an earlier migration. A living one is never touched here: it may hold the guest.
Result<void> end_dead_destination(const LabLock& lock, const GuestRecord& guest) {
  const std::string& name = guest.spec.name;
  const std::string& there = guest.hosts.back();
  if (instance_pid(lock.lab(), name, there) == 0) {
    remove_own_disk(lock, guest.spec, there);
    return end_instance(lock, guest, there);
  }
  return fail(ErrorCode::kBusy,
              fmt::format("guest {} has a QEMU on {} already, which may hold it", name, there),
              {"look at both: godwit lab status ",
               {Setting::kLab, lock.lab()},
               "; or end both: godwit lab down ",
               {Setting::kLab, lock.lab()}});
}

/// The program that a child runs in `netns`; never returns.
[[noreturn]] void become(const std::string& netns, const std::string& program,
                         const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));  // NOLINT: execv's signature
  }
  argv.push_back(nullptr);
  for (const int ignored : {SIGPIPE, SIGXFSZ}) std::signal(ignored, SIG_DFL);
  if (enter_netns(netns)) execv(program.c_str(), argv.data());
  _exit(127);
}

int await(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Result<LabStatus> up(const LabSpec& spec) {
  GODWIT_CHECK_OK(validate(spec));
  for (const char* program : {"ip", "tc"}) {
    auto found = find_program(program, "iproute2");
    if (!found) return fail(std::move(found).error());
  }
  std::optional<LabLock> lock;
  GODWIT_TRY(lock, LabLock::acquire(spec.name, true));
  if (auto record = load_record(spec.name); record && exists_whole(*record)) {
    return fail(ErrorCode::kBusy, fmt::format("the lab '{}' exists already", spec.name),
                "use it, or remove it first with: godwit lab down");
  }
  GODWIT_CHECK_OK(tear_down(*lock));
  lock.reset();
  GODWIT_TRY(lock, LabLock::acquire(spec.name, true));  // tear_down removed the locked folder
  LabRecord record{spec, false, boot_id(), {}};
  auto built = save_record(record);
  if (built) built = build_networks(*lock, spec);
  record.complete = true;
  if (built) built = save_record(record);
  if (built) return status_of(record);
  (void)tear_down(*lock);
  return fail(
      std::move(built).error().while_doing(fmt::format("building the lab '{}'", spec.name)));
}

Result<void> set_migration_rate(const std::string& lab, BytesPerSecond rate) {
  GODWIT_CHECK_OK(validate_name("lab", lab));
  GODWIT_TRY(const LabLock lock, LabLock::acquire(lab, false));
  GODWIT_TRY(LabRecord record, load_record(lab));
  record.spec.migration_rate = rate;
  GODWIT_CHECK_OK(validate(record.spec));
  GODWIT_CHECK_OK(shape_networks(lock, record.spec));
  return save_record(record);
}

Result<void> down(const std::string& lab) {
  GODWIT_CHECK_OK(validate_name("lab", lab));
  GODWIT_TRY(const LabLock lock, LabLock::acquire(lab, true));
  return tear_down(lock);
}

Result<LabStatus> status(const std::string& lab) {
  GODWIT_CHECK_OK(validate_name("lab", lab));
  auto record = load_record(lab);
  if (record) return status_of(*record);
  if (record.error().code != ErrorCode::kNotFound) return fail(std::move(record).error());
  std::error_code unknown;
  if (fs::exists(lab_folder(lab), unknown) || !netns_names(netns_prefix(lab)).empty()) {
    LabStatus leftovers;
    leftovers.spec.name = lab;
    leftovers.spec.hosts.clear();
    return leftovers;
  }
  return fail(ErrorCode::kNotFound, fmt::format("there is no lab '{}'", lab),
              "build one with: godwit lab up");
}

Result<std::vector<std::string>> list() {
  std::set<std::string> names;
  for (const std::string& name : names_in(std::string(kRunRoot))) {
    if (validate_name("lab", name)) names.insert(name);
  }
  const std::string prefix = "godwit-";
  for (const std::string& netns : netns_names(prefix)) {
    const std::string name =
        netns.substr(prefix.size(), netns.find('-', prefix.size()) - prefix.size());
    if (validate_name("lab", name)) names.insert(name);
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Result<GuestStatus> find_guest(const std::string& lab, const std::string& guest) {
  GODWIT_CHECK_OK(validate_name("lab", lab));
  GODWIT_TRY(LabRecord record, load_whole(lab));
  GODWIT_TRY(const GuestRecord* const found, require_guest(record, guest));
  return status_of(record.spec, *found);
}

Result<Instance> find_instance(const std::string& lab, const std::string& guest,
                               const std::string& host) {
  GODWIT_CHECK_OK(validate_name("lab", lab));
  GODWIT_TRY(LabRecord record, load_whole(lab));
  GODWIT_CHECK_OK(require_host(record.spec, host));
  GODWIT_TRY(const GuestRecord* const found, require_guest(record, guest));
  return instance_of(record.spec, *found, host);
}

Result<HostStatus> find_host(const std::string& lab, const std::string& host) {
  GODWIT_CHECK_OK(validate_name("lab", lab));
  GODWIT_TRY(const LabRecord record, load_whole(lab));
  GODWIT_CHECK_OK(require_host(record.spec, host));
  const LabStatus status = status_of(record);
  return *std::find_if(status.hosts.begin(), status.hosts.end(),
                       [&host](const HostStatus& one) { return one.name == host; });
}

Result<GuestStatus> start_guest(const std::string& lab, const GuestSpec& spec) {
  GODWIT_CHECK_OK(validate_name("lab", lab));
  GODWIT_CHECK_OK(validate(spec));
  GODWIT_TRY(const LabLock lock, LabLock::acquire(lab, false));
  GODWIT_TRY(LabRecord record, load_whole(lab));
  GODWIT_CHECK_OK(require_host(record.spec, spec.host));
  if (record.find(spec.name) != nullptr) {
    return fail(ErrorCode::kBusy, fmt::format("the lab has a guest '{}' already", spec.name),
                "give this one another name");
  }
  GuestRecord guest{spec, 0, {}, {}, {spec.host}};
  GODWIT_TRY(guest.index, free_index(record));
  GODWIT_TRY(guest.image, find_guest_image());
  guest.spec.programs = spec.programs || runs_programs(spec.load);
  if (guest.spec.programs) {
    if (auto drive = find_programs(guest.image); !drive) return fail(std::move(drive).error());
  }
  GODWIT_TRY(guest.accelerator, choose_accelerator(lab));
  record.guests.push_back(guest);
  GODWIT_CHECK_OK(save_record(record));
  auto started = make_disk(lock, spec, spec.host);
  if (started) started = start_booted(lock, guest, spec.host);
  if (!started) {
    remove_disk(lock, spec, spec.host);
    record.guests.pop_back();
    (void)save_record(record);
    return fail(std::move(started).error());
  }
  return status_of(record.spec, guest);
}

Result<Instance> prepare_destination(const std::string& lab, const std::string& guest,
                                     const std::string& host) {
  GODWIT_CHECK_OK(validate_name("lab", lab));
  GODWIT_TRY(const LabLock lock, LabLock::acquire(lab, false));
  GODWIT_TRY(LabRecord record, load_whole(lab));
  GODWIT_CHECK_OK(require_host(record.spec, host));
  GODWIT_TRY(GuestRecord* const found, require_guest(record, guest));
  if (found->hosts.front() == host) {
    return fail(ErrorCode::kBadInput, fmt::format("guest {} is on {} already", guest, host),
                "name another host");
  }
  if (found->hosts.size() > 1) GODWIT_CHECK_OK(end_dead_destination(lock, *found));
  found->hosts.resize(1);
  found->hosts.push_back(host);
  GODWIT_CHECK_OK(save_record(record));
  auto started = found->spec.own_disks ? make_disk(lock, found->spec, host) : Result<void>();
  if (started) started = start_instance(lock, *found, host, {"defer"});
  if (!started) {
    remove_own_disk(lock, found->spec, host);
    found->hosts.pop_back();
    (void)save_record(record);
    return fail(std::move(started).error());
  }
  return instance_of(record.spec, *found, host);
}

Result<void> retire(const std::string& lab, const std::string& guest, const std::string& host) {
  GODWIT_CHECK_OK(validate_name("lab", lab));
  GODWIT_TRY(const LabLock lock, LabLock::acquire(lab, false));
  GODWIT_TRY(LabRecord record, load_whole(lab));
  GODWIT_TRY(GuestRecord* const found, require_guest(record, guest));
  const auto at = std::find(found->hosts.begin(), found->hosts.end(), host);
  if (at == found->hosts.end()) {
    return fail(ErrorCode::kNotFound, fmt::format("guest {} has no QEMU on {}", guest, host),
                fmt::format("it has one on: {}", fmt::join(found->hosts, ", ")));
  }
  const std::string& other =
      at == found->hosts.begin() ? found->hosts.back() : found->hosts.front();
  if (other == host || instance_pid(lab, guest, other) == 0) {
    return fail(ErrorCode::kRefused,
                fmt::format("{} holds the only living QEMU of guest {}", host, guest),
                {"to end the guest too: godwit lab down ", {Setting::kLab, lab}});
  }
  GODWIT_CHECK_OK(end_instance(lock, *found, host));
  remove_own_disk(lock, found->spec, host);
  found->hosts.erase(at);
  return save_record(record);
}

Result<void> stop_guest(const std::string& lab, const std::string& guest) {
  GODWIT_CHECK_OK(validate_name("lab", lab));
  GODWIT_TRY(const LabLock lock, LabLock::acquire(lab, false));
  GODWIT_TRY(LabRecord record, load_whole(lab));
  GODWIT_TRY(const GuestRecord* const found, require_guest(record, guest));
  for (const std::string& host : found->hosts) {
    GODWIT_CHECK_OK(end_instance(lock, *found, host));
    remove_disk(lock, found->spec, host);
  }
  record.guests.erase(record.guests.begin() + (found - record.guests.data()));
  return save_record(record);
}

Result<int> shell(const std::string& lab, const std::string& host,
                  const std::vector<std::string>& arguments) {
  GODWIT_CHECK_OK(validate_name("lab", lab));
  if (arguments.empty()) {
    return fail(ErrorCode::kBadInput, "no program to run was given", "name one, such as bash");
  }
  GODWIT_TRY(const LabRecord record, load_whole(lab));
  if (host != kClient) GODWIT_CHECK_OK(require_host(record.spec, host));
  std::string program = arguments.front();
  if (program.find('/') == std::string::npos) {
    GODWIT_TRY(program, find_program(program, "its package"));
  }
  const std::string netns = netns_path(netns_name(lab, host));
  const pid_t child = fork();
  if (child < 0) return fail(errno_error("starting a process", errno));
  if (child == 0) become(netns, program, arguments);
  // Ctrl-C in there is for the program, as in a shell of one's own.
  const auto interrupt = std::signal(SIGINT, SIG_IGN);
  const auto quit = std::signal(SIGQUIT, SIG_IGN);
  const int status = await(child);
  std::signal(SIGINT, interrupt);
  std::signal(SIGQUIT, quit);
  return status;
}

}  // namespace godwit::lab
