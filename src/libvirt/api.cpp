#include "godwit/libvirt/api.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <mutex>
#include <thread>

namespace godwit::libvirt {
namespace {

/// The name that libvirt's programs ask for since its first release.
constexpr const char* kLibrary = "libvirt.so.0";

Error library_missing(std::string_view what) {
  return {ErrorCode::kEnvironment, fmt::format("libvirt's library cannot be used: {}", what),
          "install it (Debian's package libvirt0, which libvirt-clients brings along)"};
}

/// It drops the events of a connection that is closed; nothing else wakes it.
constexpr int kEventTickMs = 1000;

Result<void> find_functions(void* library, Api& api) {
#define GODWIT_LIBVIRT_FIND(name)                                            \
  *reinterpret_cast<void**>(&api.name) = dlsym(library, #name);              \
  if (api.name == nullptr) {                                                 \
    return fail(library_missing(fmt::format("{} has no " #name, kLibrary))); \
  }
  GODWIT_LIBVIRT_FUNCTIONS(GODWIT_LIBVIRT_FIND)
#undef GODWIT_LIBVIRT_FIND
  return {};
}

/// Its events are told from a thread of its own, which lasts as long as the program.
Result<void> start(const Api& api) {
  if (api.virInitialize() < 0 || api.virEventRegisterDefaultImpl() < 0) {
    return fail(last_error(api, "starting libvirt's library"));
  }
  // It prints errors by itself otherwise.
  api.virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
  // Without a timer its loop would not end a turn for descriptors that are added later.
  if (api.virEventAddTimeout(
          kEventTickMs, [](int, void*) {}, nullptr, nullptr) < 0) {
    return fail(last_error(api, "starting libvirt's event loop"));
  }
  std::thread([&api] {
    while (api.virEventRunDefaultImpl() == 0) {
    }
  }).detach();
  return {};
}

Result<const Api*> load() {
  void* const library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return fail(library_missing(dlerror()));
  static Api api;
  GODWIT_CHECK_OK(find_functions(library, api));
  GODWIT_CHECK_OK(start(api));
  return &api;
}

/// What a person can do about an error, by libvirt's number of it.
Remedy remedy_of(int code, int domain) {
  switch (code) {
    case VIR_ERR_NO_DOMAIN:
      return "virsh list (with its option all) shows the domains of that host";
    case VIR_ERR_AUTH_FAILED:
    case VIR_ERR_AUTH_CANCELLED:
    case VIR_ERR_ACCESS_DENIED:
      return "run this as root or as a user of the group libvirt, or give the URI a user who may";
    case VIR_ERR_NO_CONNECT:
    case VIR_ERR_INVALID_ARG:
      return "see virsh -c URI list: what it takes as URI, Godwit takes, too";
    case VIR_ERR_MIGRATE_UNSAFE:
      return "keep its disks where both hosts reach them; or move them along, by a technique with "
             "+storage";
    case VIR_ERR_CPU_INCOMPATIBLE:
      return "choose a host with that CPU, or give the domain a CPU model that both hosts have";
    case VIR_ERR_OPERATION_TIMEOUT:
      return "somebody else's job holds the domain: see virsh domjobinfo";
    default:
      return domain == VIR_FROM_RPC ? "see whether the daemon runs there: virsh -c URI list"
                                    : "see libvirtd's log on both hosts";
  }
}

ErrorCode code_of(int code, int domain) {
  switch (code) {
    case VIR_ERR_NO_DOMAIN:
    case VIR_ERR_NO_NETWORK:
      return ErrorCode::kNotFound;
    case VIR_ERR_AUTH_FAILED:
    case VIR_ERR_AUTH_CANCELLED:
    case VIR_ERR_AUTH_UNAVAILABLE:
    case VIR_ERR_ACCESS_DENIED:
    case VIR_ERR_OPERATION_DENIED:
      return ErrorCode::kPermission;
    case VIR_ERR_NO_SUPPORT:
    case VIR_ERR_CONFIG_UNSUPPORTED:
    case VIR_ERR_ARGUMENT_UNSUPPORTED:
    case VIR_ERR_OPERATION_UNSUPPORTED:
      return ErrorCode::kUnsupported;
    case VIR_ERR_OPERATION_TIMEOUT:
      return ErrorCode::kBusy;
    case VIR_ERR_RPC:
    case VIR_ERR_NO_CONNECT:
      return ErrorCode::kPeerGone;
    default:
      return domain == VIR_FROM_RPC ? ErrorCode::kPeerGone : ErrorCode::kRefused;
  }
}

}  // namespace

Result<const Api*> load_api() {
  static std::mutex mutex;
  static const Api* loaded = nullptr;
  const std::scoped_lock lock(mutex);
  if (loaded == nullptr) {
    GODWIT_TRY(loaded, load());
  }
  return loaded;
}

Error error_of(int code, int domain, std::string_view message, std::string_view what) {
  return {code_of(code, domain), fmt::format("{}: {}", what, message), remedy_of(code, domain)};
}

Error last_error(const Api& api, std::string_view what) {
  const virErrorPtr error = api.virGetLastError();
  if (error == nullptr || error->message == nullptr) {
    return {ErrorCode::kInternal, fmt::format("{}: libvirt does not say why", what),
            "see libvirtd's log"};
  }
  return error_of(error->code, error->domain, error->message, what);
}

bool lost_connection(const Api& api, virConnectPtr connection) {
  const virErrorPtr error = api.virGetLastError();
  const bool by_error =
      error != nullptr && (error->domain == VIR_FROM_RPC || error->code == VIR_ERR_RPC ||
                           error->code == VIR_ERR_INVALID_CONN);
  return by_error || api.virConnectIsAlive(connection) == 0;
}

}  // namespace godwit::libvirt
