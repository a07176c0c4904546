#include "qemu.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "command.h"
#include "disk.h"
#include "godwit/base/clock.h"
#include "network.h"
#include "paths.h"
#include "processes.h"

namespace godwit::lab {
namespace {

constexpr const char* kEndings[] = {"qmp", "observer", "console", "report", "pid"};

bool is_instance(const ProcessFacts& process, const std::string& pid_file) {
  return std::find(process.arguments.begin(), process.arguments.end(), pid_file) !=
             process.arguments.end() &&
         process.user_namespace == facts_of(getpid()).user_namespace;
}

/// As QEMU wants a path among its options.
std::string doubled_commas(std::string_view path) {
  std::string text;
  for (const char c : path) text.append(c == ',' ? 2 : 1, c);
  return text;
}

/// Words for guest/init. What was stored has another's address and the time of then.
std::string what_it_is_told(const GuestRecord& guest) {
  return fmt::format("godwit.ip={}/24 godwit.mac={} godwit.now={} godwit.load={}",
                     guest_address(guest.index), guest_mac(guest.index),
                     RealClock().wall_us() / 1'000'000, guest.spec.load);
}

}  // namespace

std::vector<std::string> qemu_arguments(const std::string& lab, const GuestRecord& guest,
                                        const std::string& host, const Beginning& beginning,
                                        const std::string& image_cmdline) {
  const auto file = [&](std::string_view ending) {
    return instance_file(lab, guest.spec.name, host, ending);
  };
  std::vector<std::string> arguments{
      kQemu, "-name", fmt::format("guest={},debug-threads=on", guest.spec.name), "-nodefaults",
      "-no-user-config", "-display", "none", "-daemonize", "-pidfile", file("pid"), "-accel",
      guest.accelerator, "-m", fmt::format("{}M", guest.spec.ram.count() >> 20), "-smp",
      fmt::format("{}", guest.spec.vcpus), "-kernel", guest.image + "/vmlinux", "-initrd",
      guest.image + "/initrd.img", "-append", image_cmdline + " godwit.told=1", "-serial",
      "file:" + file("console"), "-serial", "file:" + file("report"), "-netdev",
      fmt::format("tap,id=net0,ifname={},script=no,downscript=no", tap_name(guest.index)),
      // without its boot ROM: nobody boots from the network, and Debian packs the ROMs apart
      "-device", fmt::format("virtio-net-pci,netdev=net0,mac={},romfile=", guest_mac(guest.index)),
      "-qmp", fmt::format("unix:{},server=on,wait=off", file("qmp")), "-qmp",
      fmt::format("unix:{},server=on,wait=off", file("observer"))};
  if (guest.spec.disk) {
    // Both QEMUs may have the same file open. The incoming one keeps its hands (and QEMU's file
    // locks) off it until the source has flushed it and let go, at the switchover; in QEMU that is
    // so since 2.10. The host's page cache is used, as all the lab's hosts have the same one, and a
    // user's own lab lies on tmpfs, which can't do without. A host without space is an error for
    // the guest instead of QEMU's own way, which would stop it. Without discard=unmap a mirror that
    // writes zeros into an empty disk would fill its file (measured on QEMU 10.0). A disk of which
    // a part is on another host fails when that can't be reached: then the guest had better stop.
    arguments.insert(
        arguments.end(),
        {"-blockdev",
         fmt::format("driver={},node-name=disk0,discard=unmap,file.driver=file,"
                     "file.filename={}",
                     guest.spec.qcow2 ? "qcow2" : "raw", disk_file_of(lab, guest.spec, host)),
         "-device",
         fmt::format("virtio-blk-pci,drive=disk0,werror={0},rerror={0}",
                     guest.spec.qcow2 ? "stop" : "report")});
  }
  if (guest.spec.programs) {
    // After the disk, which thereby stays the guest's first; its serial is how the guest knows it.
    arguments.insert(
        arguments.end(),
        {"-blockdev",
         fmt::format("driver=raw,node-name=programs,read-only=on,file.driver=file,file.filename={}",
                     doubled_commas(guest.image + "/programs.img")),
         "-device", "virtio-blk-pci,drive=programs,serial=programs"});
  }
  if (beginning.told) {
    arguments.insert(arguments.end(), {"-fw_cfg", "name=opt/godwit,string=" +
                                                      doubled_commas(what_it_is_told(guest))});
  }
  if (!beginning.incoming.empty()) {
    arguments.insert(arguments.end(), {"-incoming", beginning.incoming});
  }
  return arguments;
}

Result<std::string> read_image_cmdline(const std::string& image) {
  std::ifstream file(image + "/cmdline");
  std::string line;
  if (std::getline(file, line)) return line;
  return fail(ErrorCode::kEnvironment, fmt::format("the guest image in {} has no cmdline", image),
              "build it with: ./dev build");
}

Result<void> start_instance(const LabLock& lock, const GuestRecord& guest, const std::string& host,
                            const Beginning& beginning) {
  GODWIT_TRY(const std::string cmdline, read_image_cmdline(guest.image));
  GODWIT_CHECK_OK(end_instance(lock, guest, host));  // of a godwit that died here
  GODWIT_CHECK_OK(add_tap(lock, host, guest.index));
  Command command;
  command.arguments = qemu_arguments(lock.lab(), guest, host, beginning, cmdline);
  command.package = kQemuPackage;
  command.netns = netns_path(netns_name(lock.lab(), host));
  command.patience = Seconds{20};
  if (auto started = run_command(command); !started) {
    (void)end_instance(lock, guest, host);
    Error error = std::move(started).error();
    if (error.code == ErrorCode::kEnvironment && error.what_to_do.empty()) {
      error.what_to_do = "see what QEMU says";
    }
    return fail(error.while_doing(fmt::format("starting guest {} on {}", guest.spec.name, host)));
  }
  return {};
}

Result<void> end_instance(const LabLock& lock, const GuestRecord& guest, const std::string& host) {
  const std::string pid_file = instance_file(lock.lab(), guest.spec.name, host, "pid");
  GODWIT_CHECK_OK(end_processes(
      [&pid_file](const ProcessFacts& process) { return is_instance(process, pid_file); }));
  remove_tap(lock, host, guest.index);
  for (const char* ending : kEndings) {
    unlink(instance_file(lock.lab(), guest.spec.name, host, ending).c_str());
  }
  return {};
}

Instance qemu_of(const std::string& lab, const GuestRecord& guest, const std::string& host) {
  const auto file = [&](std::string_view ending) {
    return instance_file(lab, guest.spec.name, host, ending);
  };
  Instance instance;
  instance.host = host;
  instance.pid = instance_pid(lab, guest.spec.name, host);
  instance.qmp = file("qmp");
  instance.observer_qmp = file("observer");
  instance.console = file("console");
  instance.report = file("report");
  return instance;
}

pid_t instance_pid(const std::string& lab, const std::string& guest, const std::string& host) {
  const std::string pid_file = instance_file(lab, guest, host, "pid");
  std::ifstream file(pid_file);
  pid_t pid = 0;
  if (!(file >> pid) || pid <= 0 || !is_instance(facts_of(pid), pid_file)) return 0;
  return pid;
}

}  // namespace godwit::lab
