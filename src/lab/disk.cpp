#include "disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "command.h"
#include "godwit/base/quantity.h"
#include "godwit/base/unique_fd.h"
#include "paths.h"

namespace godwit::lab {
namespace {

/// Said before the guest meets it as a disk that breaks in the middle of a measurement.
Result<void> require_space(const std::string& folder, const GuestSpec& guest) {
  struct statvfs status {};
  if (statvfs(folder.c_str(), &status) != 0) {
    return fail(errno_error(fmt::format("looking at {}", folder), errno));
  }
  const Bytes space{static_cast<std::int64_t>(status.f_bavail * status.f_frsize)};
  if (*guest.disk <= space) return {};
  return fail(ErrorCode::kEnvironment,
              fmt::format("guest {} wants a disk of {}, {} has space for {}", guest.name,
                          human(*guest.disk), folder, human(space)),
              "free some space there, or give it a smaller disk");
}

/// Of the version in which what is discarded is absent.
Result<void> make_image(const std::string& path, Bytes size) {
  Command command;
  command.arguments = {"qemu-img",    "create", "-q",
                       "-f",          "qcow2",  "-o",
                       "compat=0.10", path,     fmt::format("{}", size.count())};
  command.package = "qemu-utils";
  GODWIT_CHECK_OK(run_command(command));
  return {};
}

}  // namespace

std::string disk_file_of(const std::string& lab, const GuestSpec& guest, const std::string& host) {
  if (!guest.disk) return {};
  return guest.own_disks ? instance_file(lab, guest.name, host, "disk")
                         : disk_file(lab, guest.name);
}

Result<void> make_disk(const LabLock& lock, const GuestSpec& guest, const std::string& host) {
  if (!guest.disk) return {};
  GODWIT_CHECK_OK(require_space(lab_folder(lock.lab()), guest));
  const std::string path = disk_file_of(lock.lab(), guest, host);
  if (guest.qcow2) return make_image(path, *guest.disk);
  const UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (file.valid() && ftruncate(file.get(), guest.disk->count()) == 0) return {};
  return fail(errno_error(fmt::format("making {}", path), errno));
}

void remove_disk(const LabLock& lock, const GuestSpec& guest, const std::string& host) {
  if (guest.disk) unlink(disk_file_of(lock.lab(), guest, host).c_str());
}

void remove_own_disk(const LabLock& lock, const GuestSpec& guest, const std::string& host) {
  if (guest.own_disks) remove_disk(lock, guest, host);
}

}  // namespace godwit::lab
