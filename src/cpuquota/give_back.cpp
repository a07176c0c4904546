#include "give_back.h"

#include <fmt/format.h>

#include <cerrno>
#include <optional>

namespace godwit::cpuquota {
namespace {

constexpr Seconds kPatience{2};  // a thread that just ended keeps its group busy for a moment
constexpr Seconds kPause{0.002};

Result<void> put_back(CpuController& controller, const std::string& home, std::int64_t thread) {
  if (thread == 0) {
    return fail(ErrorCode::kPermission,
                fmt::format("a thread that is limited in {} can't be seen from here", home),
                "run godwit in the same process namespace as before, or on the host");
  }
  const auto moved = controller.move(thread, home);
  if (moved || moved.error() == ESRCH) return {};
  return fail(cgroup_error(fmt::format("move thread {} back to", thread), home, moved.error()));
}

/// One go: true when the group is gone.
Result<bool> try_to_remove(CpuController& controller, KernelFiles& files, const std::string& home,
                           const std::string& group) {
  const auto threads = controller.threads(group);
  if (!threads && threads.error() == ENOENT) return true;
  if (!threads) return fail(cgroup_error("read", group, threads.error()));
  for (const std::int64_t one : *threads) GODWIT_CHECK_OK(put_back(controller, home, one));
  const auto removed = files.remove_folder(group);
  if (removed || removed.error() == ENOENT) return true;
  if (removed.error() == EBUSY) return false;
  return fail(cgroup_error("remove", group, removed.error()));
}

Result<void> give_back_home(CpuController& controller, KernelFiles& files, Clock& clock,
                            const LentCpu& lent, const CgroupHome& home) {
  const auto folders = files.folders(home.folder);
  if (!folders && folders.error() == ENOENT) return {};  // went with its VM
  if (!folders) return fail(cgroup_error("read", home.folder, folders.error()));
  for (const std::string& name : *folders) {
    if (!name.starts_with(lent.group + "-")) continue;
    GODWIT_CHECK_OK(remove_group(controller, files, clock, home.folder, home.folder + "/" + name));
  }
  return controller.release(home);
}

}  // namespace

std::string group_folder(const std::string& home, const std::string& group, std::int64_t thread) {
  return fmt::format("{}/{}-{}", home, group, thread);
}

Result<void> remove_group(CpuController& controller, KernelFiles& files, Clock& clock,
                          const std::string& home, const std::string& group) {
  const TimePoint give_up = clock.now() + kPatience;
  while (true) {
    GODWIT_TRY(const bool gone, try_to_remove(controller, files, home, group));
    if (gone) return {};
    if (clock.now() >= give_up) {
      return fail(ErrorCode::kBusy, fmt::format("{} does not get empty", group),
                  "try again; godwit recover does");
    }
    (void)clock.wait_until(clock.now() + kPause, {});
  }
}

Result<void> give_back(KernelFiles& files, Clock& clock, const LentCpu& lent) {
  if (!lent.group.starts_with(kOurPrefix) || lent.group.find('/') != std::string::npos) {
    return fail(ErrorCode::kCorrupt, fmt::format("\"{}\" is no group of godwit's", lent.group),
                "look at the journal's entry");
  }
  const auto controller = controller_of(lent.version, files);
  std::optional<Error> first;
  for (const CgroupHome& home : lent.homes) {
    const auto given = give_back_home(*controller, files, clock, lent, home);
    if (!given && !first) first = given.error();
  }
  if (first) return fail(*std::move(first));
  return {};
}

}  // namespace godwit::cpuquota
