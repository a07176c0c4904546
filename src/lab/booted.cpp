#include "booted.h"

#include <fmt/format.h>

#include <functional>
#include <optional>

#include "await_boot.h"
#include "command.h"
#include "godwit/base/clock.h"
#include "godwit/base/log.h"
#include "godwit/lab/booted_state.h"
#include "godwit/qmp/qmp_client.h"
#include "processes.h"
#include "qemu.h"

namespace godwit::lab {
namespace {

// many times what it takes: beside other guests' boots on a busy machine it took over a minute
constexpr Seconds kToBoot{240};
constexpr Seconds kToAnswer{240};

/// All that guests are alike in until they are told what to do.
Result<std::string> key_of(const GuestRecord& guest) {
  GODWIT_TRY(const std::string qemu, find_program(kQemu, kQemuPackage));
  std::string key = stamp_of(qemu) + stamp_of_image(guest.image);
  if (guest.spec.programs) key += stamp_of(guest.image + "/programs.img");
  return key + fmt::format("{} {} {} {}", guest.accelerator, guest.spec.ram.count(),
                           guest.spec.vcpus, guest.spec.disk.value_or(Bytes()).count());
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

Result<void> store(const LabLock& lock, const GuestRecord& guest, const std::string& host,
                   const std::string& file) {
  GODWIT_CHECK_OK(start_instance(lock, guest, host, {.told = false}));
  const Instance instance = qemu_of(lock.lab(), guest, host);
  auto stored = await_boot(guest.spec.name, instance, BootedTo::kWaiting, kToBoot, {});
  if (stored) stored = store_state(instance, file);
  (void)end_instance(lock, guest, host);
  return stored;
}

/// Returns once it runs.
Result<void> restore(const LabLock& lock, const GuestRecord& guest, const std::string& host,
                     const std::string& file) {
  GODWIT_CHECK_OK(start_instance(lock, guest, host, {"file:" + file}));
  RealClock clock;
  const TimePoint deadline = clock.now() + kToAnswer;
  GODWIT_TRY(qmp::QmpClient monitor,
             qmp::QmpClient::connect(qemu_of(lock.lab(), guest, host).qmp, clock, deadline));
  GODWIT_TRY(const Json state, monitor.execute("query-status", Json::object(), deadline));
  if (state.value("running", false)) return {};
  return await_event(monitor, deadline,
                     [](const qmp::QmpEvent& event) { return event.name == "RESUME"; });
}

/// Absent where there is none; KVM boots in a second.
std::optional<std::string> stored_guest(const LabLock& lock, const GuestRecord& guest,
                                        const std::string& host) {
  const auto key = key_of(guest);
  if (!key || guest.accelerator != "tcg") return std::nullopt;
  return booted_state(*key,
                      [&](const std::string& file) { return store(lock, guest, host, file); });
}

}  // namespace

Result<void> start_booted(const LabLock& lock, const GuestRecord& guest, const std::string& host) {
  if (const auto stored = stored_guest(lock, guest, host)) {
    const auto restored = restore(lock, guest, host, *stored);
    if (restored) return restored;
    log::info("guest {} boots, as what was stored did not start: {}", guest.spec.name,
              restored.error().message);
    GODWIT_CHECK_OK(end_instance(lock, guest, host));
    forget_booted_state(*stored);
  }
  return start_instance(lock, guest, host);
}

}  // namespace godwit::lab
