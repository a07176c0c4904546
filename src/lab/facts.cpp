#include "godwit/lab/facts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "command.h"
#include "godwit/base/log.h"
#include "godwit/base/unique_fd.h"
#include "paths.h"
#include "qemu.h"
#include "state.h"

namespace godwit::lab {
namespace {

namespace fs = std::filesystem;

// A guest that KVM can run boots within 2 s even on a busy machine; the emulator needs 1–3 s.
constexpr Seconds kBootDeadline{4};

bool is_initial_user_namespace() {
  std::ifstream map("/proc/self/uid_map");
  unsigned long inside = 1;
  unsigned long outside = 1;
  unsigned long count = 0;
  map >> inside >> outside >> count;
  return inside == 0 && outside == 0 && count == 4294967295UL;
}

/// As QEMU does it: the device first, then the system call.
bool may_use_userfaultfd() {
  const UniqueFd device(open("/dev/userfaultfd", O_RDWR | O_CLOEXEC));
  if (device.valid()) return true;
  const UniqueFd call(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC)));
  return call.valid();
}

bool is_image(const fs::path& folder) {
  std::error_code none;
  return fs::exists(folder / "vmlinux", none) && fs::exists(folder / "initrd.img", none) &&
         fs::exists(folder / "cmdline", none);
}

std::optional<std::string> cached_accelerator() {
  const std::string cache = cache_folder();
  if (cache.empty()) return std::nullopt;
  std::ifstream file(cache + "/accelerator");
  std::string boot;
  std::string accelerator;
  if (!(file >> boot >> accelerator) || boot != boot_id()) return std::nullopt;
  if (accelerator != "kvm" && accelerator != "tcg") return std::nullopt;
  return accelerator;
}

/// Best effort: without a cache it is found out again.
void remember(const std::string& accelerator) {
  const std::string cache = cache_folder();
  if (cache.empty()) return;
  std::error_code none;
  fs::create_directories(cache, none);
  std::ofstream(cache + "/accelerator") << boot_id() << ' ' << accelerator << '\n';
}

Result<bool> boots_with_kvm(const std::string& lab) {
  GODWIT_TRY(const std::string image, find_guest_image());
  GODWIT_TRY(const std::string cmdline, read_image_cmdline(image));
  Command command;
  command.arguments = {kQemu, "-nodefaults", "-no-user-config", "-display", "none", "-accel", "kvm",
                       "-m", "128M", "-no-reboot", "-kernel", image + "/vmlinux", "-initrd",
                       image + "/initrd.img", "-append", cmdline, "-serial", "null", "-serial",
                       "stdio",
                       // by this file `down` knows it, should we be killed meanwhile
                       "-pidfile", lab_folder(lab) + "/accelerator.pid"};
  command.package = kQemuPackage;
  command.patience = kBootDeadline;
  command.until = "\"state\"";
  GODWIT_TRY(const CommandEnd end, run_to_end(command));
  unlink((lab_folder(lab) + "/accelerator.pid").c_str());
  return end.how == CommandEnd::How::kMatched;
}

}  // namespace

std::string cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/') return std::string(cache) + "/godwit";
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/') return {};
  return std::string(home) + "/.cache/godwit";
}

LabFacts facts() {
  LabFacts facts;
  facts.root = geteuid() == 0 && is_initial_user_namespace();
  facts.postcopy = may_use_userfaultfd();
  if (!facts.postcopy) {
    facts.postcopy_why_not =
        "post-copy needs userfaultfd, which you may not use: as root, set "
        "vm.unprivileged_userfaultfd=1 or open /dev/userfaultfd to your user";
  }
  return facts;
}

Result<std::string> find_guest_image() {
  if (const char* named = std::getenv("GODWIT_GUEST_DIR"); named != nullptr && *named != '\0') {
    std::error_code unknown;
    if (is_image(named)) return fs::absolute(named, unknown).string();
    return fail(ErrorCode::kEnvironment,
                fmt::format("GODWIT_GUEST_DIR is {}, which holds no guest image", named),
                "build one there with guest/build-image, or unset the variable");
  }
  std::error_code none;
  const fs::path beside = fs::read_symlink("/proc/self/exe", none).parent_path() / "guest-image";
  for (const fs::path& folder : {beside, fs::path("/usr/share/godwit/guest")}) {
    if (is_image(folder)) return folder.string();
  }
  return fail(ErrorCode::kEnvironment,
              fmt::format("there is no guest image in {}", beside.string()),
              "build it with: ./dev build");
}

Result<std::string> find_programs(const std::string& image) {
  std::error_code none;
  std::string file = image + "/programs.img";
  if (fs::exists(file, none)) return file;
  return fail(ErrorCode::kEnvironment,
              fmt::format("there are no programs for the guest in {}", image),
              "build them with: ./dev programs");
}

Result<std::string> choose_accelerator(const std::string& lab) {
  if (const char* named = std::getenv("GODWIT_ACCEL"); named != nullptr && *named != '\0') {
    const std::string accelerator = named;
    if (accelerator == "kvm" || accelerator == "tcg") return accelerator;
    return fail(ErrorCode::kBadInput, fmt::format("GODWIT_ACCEL is '{}'", accelerator),
                "set it to kvm or tcg");
  }
  const UniqueFd kvm(open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!kvm.valid()) return std::string("tcg");
  if (auto known = cached_accelerator()) return *known;
  GODWIT_TRY(const bool boots, boots_with_kvm(lab));
  const std::string accelerator = boots ? "kvm" : "tcg";
  log::info("accelerator: {}{}", accelerator, boots ? "" : " (no guest boots with KVM here)");
  remember(accelerator);
  return accelerator;
}

}  // namespace godwit::lab
