#include "cpu_controller.h"

#include <fmt/format.h>

#include <cerrno>
#include <sstream>

#include "cpu_controller_v1.h"
#include "cpu_controller_v2.h"

namespace godwit::cpuquota {

Error cgroup_error(std::string_view what, const std::string& path, int errno_value) {
  Error error = errno_error(fmt::format("cannot {} {}", what, path), errno_value);
  switch (errno_value) {
    case EACCES:
    case EPERM:
      error.what_to_do =
          "run godwit as root, or start QEMU in a control group of yours: "
          "systemd-run --user --scope -p Delegate=yes qemu-system-...";
      break;
    case EROFS:
      error.code = ErrorCode::kPermission;
      error.what_to_do =
          "run godwit on the host, or give its container a /sys/fs/cgroup that can be written";
      break;
    case EBUSY:
    case EINVAL:
    case EOPNOTSUPP:
      error.code = ErrorCode::kUnsupported;
      error.what_to_do =
          "the group's manager uses it in a way that leaves no room for threads' groups: start "
          "QEMU "
          "in one of its own: systemd-run --scope -p Delegate=yes qemu-system-...";
      break;
    case EAGAIN:
      error.code = ErrorCode::kRefused;
      error.what_to_do = "raise cgroup.max.descendants and cgroup.max.depth there";
      break;
    default:
      break;
  }
  return error;
}

Os<std::vector<std::int64_t>> CpuController::threads(const std::string& group) const {
  const auto text = files_.read(thread_file(group));
  if (!text) return tl::unexpected(text.error());
  std::istringstream lines(*text);
  std::vector<std::int64_t> found;
  for (std::int64_t one = 0; lines >> one;) found.push_back(one);
  return found;
}

Os<void> CpuController::move(std::int64_t thread, const std::string& group) const {
  return files_.write(thread_file(group), std::to_string(thread));
}

std::string CpuController::thread_file(const std::string& group) const {
  return fmt::format("{}/{}", group, thread_file_name());
}

Result<void> CpuController::order(const std::string& file, const std::string& text) {
  const auto written = files_.write(file, text);
  if (written) return {};
  return fail(cgroup_error(fmt::format("write \"{}\" to", text), file, written.error()));
}

Result<std::string> CpuController::text_of(const std::string& file) {
  auto text = files_.read(file);
  if (text) return std::move(*text);
  return fail(cgroup_error("read", file, text.error()));
}

Result<void> CpuController::may_write(const std::string& path) {
  const auto may = files_.may_write(path);
  if (may) return {};
  return fail(cgroup_error("write to", path, may.error()));
}

Result<void> CpuController::make_folder(const std::string& path) {
  const auto made = files_.make_folder(path);
  if (made || made.error() == EEXIST) return {};
  return fail(cgroup_error("make the control group", path, made.error()));
}

Result<std::int64_t> CpuController::statistic(const std::string& group, std::string_view key) {
  GODWIT_TRY(const std::string text, text_of(group + "/cpu.stat"));
  std::istringstream words(text);
  std::string name;
  for (std::int64_t value = 0; words >> name >> value;) {
    if (name == key) return value;
  }
  return fail(ErrorCode::kUnsupported, fmt::format("{}/cpu.stat has no {}", group, key),
              "use a kernel with CPU bandwidth control (CONFIG_CFS_BANDWIDTH)");
}

std::unique_ptr<CpuController> controller_of(CgroupVersion version, KernelFiles& files) {
  if (version == CgroupVersion::kV1) return std::make_unique<CpuControllerV1>(files);
  return std::make_unique<CpuControllerV2>(files);
}

}  // namespace godwit::cpuquota
