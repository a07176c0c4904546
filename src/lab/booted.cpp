#include "booted.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "await_boot.h"
#include "command.h"
#include "godwit/base/clock.h"
#include "godwit/base/log.h"
#include "godwit/base/unique_fd.h"
#include "godwit/qmp/qmp_client.h"
#include "paths.h"
#include "processes.h"
#include "qemu.h"

namespace godwit::lab {
namespace {

namespace fs = std::filesystem;

constexpr Seconds kToBoot{120};  // many times what it takes
constexpr Seconds kToAnswer{60};
constexpr std::size_t kMostStored = 24;  // of 60 to 100 MB each

/// Changes with the file.
std::string stamp_of(const fs::path& file) {
  std::error_code none;
  return fmt::format("{} {} {}\n", file.string(), fs::file_size(file, none),
                     fs::last_write_time(file, none).time_since_epoch().count());
}

/// Guests of one name are alike until they are told what to do.
Result<std::string> name_of(const GuestRecord& guest) {
  GODWIT_TRY(const std::string qemu, find_program(kQemu, kQemuPackage));
  GODWIT_TRY(const std::string cmdline, read_image_cmdline(guest.image));
  std::string key = stamp_of(qemu) + cmdline;
  for (const char* file : {"/vmlinux", "/initrd.img"}) key += stamp_of(guest.image + file);
  if (guest.spec.programs) key += stamp_of(guest.image + "/programs.img");
  key += fmt::format("{} {} {} {}", guest.accelerator, guest.spec.ram.count(), guest.spec.vcpus,
                     guest.spec.disk.value_or(Bytes()).count());
  return fmt::format("{:016x}", XXH3_64bits(key.data(), key.size()));
}

/// Until QEMU says so by an event whose data `is_it`.
Result<void> await_event(qmp::QmpClient& monitor, TimePoint deadline,
                         const std::function<bool(const qmp::QmpEvent&)>& is_it) {
  for (;;) {
    GODWIT_TRY(const auto event, monitor.next_event(deadline));
    if (!event) return fail(ErrorCode::kTimeout, "QEMU says nothing of it");
    if (is_it(*event)) return {};
  }
}

Result<void> store_state(const Instance& instance, const std::string& file) {
  RealClock clock;
  const TimePoint deadline = clock.now() + kToAnswer;
  GODWIT_TRY(qmp::QmpClient monitor, qmp::QmpClient::connect(instance.qmp, clock, deadline));
  const auto order = [&](std::string_view command, const Json& arguments) {
    return monitor.execute(command, arguments, deadline);
  };
  GODWIT_CHECK_OK(order("migrate-set-capabilities",
                        {{"capabilities", {{{"capability", "events"}, {"state", true}}}}}));
  GODWIT_CHECK_OK(order("migrate-set-parameters", {{"max-bandwidth", 10'000'000'000}}));
  GODWIT_CHECK_OK(order("migrate", {{"uri", "file:" + file}}));
  std::string status;
  GODWIT_CHECK_OK(await_event(monitor, deadline, [&status](const qmp::QmpEvent& event) {
    if (event.name == "MIGRATION") status = event.data.value("status", "");
    return status == "completed" || status == "failed";
  }));
  if (status == "completed") return {};
  return fail(ErrorCode::kRefused, "QEMU could not store the guest");
}

/// What can't be stored leaves an empty file, and is not tried again.
void store(const LabLock& lock, const GuestRecord& guest, const std::string& host,
           const fs::path& file) {
  // not by this process's number, which is another's, too, in another namespace of processes
  std::string mine = file.string() + ".XXXXXX";
  const UniqueFd made(mkostemp(mine.data(), O_CLOEXEC));
  if (!made.valid()) return;
  auto stored = start_instance(lock, guest, host, {.told = false});
  if (!stored) {
    unlink(mine.c_str());
    return;
  }
  const Instance instance = qemu_of(lock.lab(), guest, host);
  stored = await_boot(guest.spec.name, instance, BootedTo::kWaiting, kToBoot, {});
  if (stored) stored = store_state(instance, mine);
  if (!stored) {
    log::info("guest {} is not stored: {}", guest.spec.name, stored.error().message);
    std::ofstream(mine, std::ios::trunc).flush();
  }
  (void)end_instance(lock, guest, host);
  std::error_code none;
  fs::rename(mine, file, none);
}

/// Returns once it runs.
Result<void> restore(const LabLock& lock, const GuestRecord& guest, const std::string& host,
                     const fs::path& file) {
  GODWIT_CHECK_OK(start_instance(lock, guest, host, {"file:" + file.string()}));
  RealClock clock;
  const TimePoint deadline = clock.now() + kToAnswer;
  GODWIT_TRY(qmp::QmpClient monitor,
             qmp::QmpClient::connect(qemu_of(lock.lab(), guest, host).qmp, clock, deadline));
  GODWIT_TRY(const Json state, monitor.execute("query-status", Json::object(), deadline));
  if (state.value("running", false)) return {};
  return await_event(monitor, deadline,
                     [](const qmp::QmpEvent& event) { return event.name == "RESUME"; });
}

void keep_the_newest(const fs::path& folder) {
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    files.emplace_back(entry.last_write_time(none), entry.path());
  }
  std::sort(files.rbegin(), files.rend());
  for (std::size_t i = kMostStored; i < files.size(); ++i) fs::remove(files[i].second, none);
}

/// A stored guest like this one; absent where there is none.
std::optional<fs::path> stored_guest(const LabLock& lock, const GuestRecord& guest,
                                     const std::string& host) {
  const std::string cache = cache_folder();
  const auto name = name_of(guest);
  if (cache.empty() || !name || guest.accelerator != "tcg") return std::nullopt;
  const fs::path folder = fs::path(cache) / "booted";
  const fs::path file = folder / *name;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || access(folder.c_str(), W_OK) != 0) return std::nullopt;
  if (!fs::exists(file, error)) {
    store(lock, guest, host, file);
    keep_the_newest(folder);
  }
  const auto size = fs::file_size(file, error);
  if (error || size == 0) return std::nullopt;
  fs::last_write_time(file, fs::file_time_type::clock::now(), error);
  return file;
}

}  // namespace

Result<void> start_booted(const LabLock& lock, const GuestRecord& guest, const std::string& host) {
  if (const auto stored = stored_guest(lock, guest, host)) {
    const auto restored = restore(lock, guest, host, *stored);
    if (restored) return restored;
    log::info("guest {} boots, as what was stored did not start: {}", guest.spec.name,
              restored.error().message);
    GODWIT_CHECK_OK(end_instance(lock, guest, host));
    std::error_code none;
    fs::remove(*stored, none);
  }
  return start_instance(lock, guest, host);
}

}  // namespace godwit::lab
