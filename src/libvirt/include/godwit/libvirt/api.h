#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <string_view>

#include "godwit/base/error.h"

/// For `libvirt` and `libvirt_move` alone, as all that names libvirt's own types.

namespace godwit::libvirt {

/// What Godwit calls of libvirt.so. All of them are in libvirt 5.0 and later.
#define GODWIT_LIBVIRT_FUNCTIONS(X)     \
  X(virInitialize)                      \
  X(virEventRegisterDefaultImpl)        \
  X(virEventRunDefaultImpl)             \
  X(virEventAddTimeout)                 \
  X(virSetErrorFunc)                    \
  X(virGetLastError)                    \
  X(virResetLastError)                  \
  X(virConnectAuthPtrDefault)           \
  X(virConnectOpenAuth)                 \
  X(virConnectClose)                    \
  X(virConnectSetKeepAlive)             \
  X(virConnectIsAlive)                  \
  X(virConnectGetLibVersion)            \
  X(virConnectGetVersion)               \
  X(virConnectGetCapabilities)          \
  X(virConnectGetDomainCapabilities)    \
  X(virConnectCompareHypervisorCPU)     \
  X(virConnectListAllDomains)           \
  X(virConnectDomainEventRegisterAny)   \
  X(virConnectDomainEventDeregisterAny) \
  X(virNodeGetInfo)                     \
  X(virNodeGetMemoryStats)              \
  X(virNetworkLookupByName)             \
  X(virNetworkIsActive)                 \
  X(virNetworkFree)                     \
  X(virDomainLookupByName)              \
  X(virDomainLookupByID)                \
  X(virDomainLookupByUUIDString)        \
  X(virDomainFree)                      \
  X(virDomainGetName)                   \
  X(virDomainGetUUIDString)             \
  X(virDomainGetXMLDesc)                \
  X(virDomainGetState)                  \
  X(virDomainGetJobStats)               \
  X(virDomainBlockStats)                \
  X(virDomainMemoryStats)               \
  X(virDomainMigrate3)                  \
  X(virDomainMigrateToURI3)             \
  X(virDomainMigrateGetMaxDowntime)     \
  X(virDomainMigrateSetMaxDowntime)     \
  X(virDomainMigrateGetMaxSpeed)        \
  X(virDomainMigrateSetMaxSpeed)        \
  X(virDomainMigrateStartPostCopy)      \
  X(virDomainAbortJob)                  \
  X(virTypedParamsAddInt)               \
  X(virTypedParamsAddULLong)            \
  X(virTypedParamsAddString)            \
  X(virTypedParamsFree)

/// libvirt.so, loaded while the program runs; it stays loaded until the program ends.
struct Api {
#define GODWIT_LIBVIRT_MEMBER(name) decltype(&::name) name = nullptr;
  GODWIT_LIBVIRT_FUNCTIONS(GODWIT_LIBVIRT_MEMBER)
#undef GODWIT_LIBVIRT_MEMBER
};

/// Loads it once, and starts the thread that runs its event loop. kEnvironment, with the package
/// that is missing. Any thread.
Result<const Api*> load_api();

/// The error of libvirt's last call in this thread, with what can be done about it.
[[nodiscard]] Error last_error(const Api& api, std::string_view what);
/// The same of what libvirt said, for tests. `code` and `domain` are libvirt's.
[[nodiscard]] Error error_of(int code, int domain, std::string_view message, std::string_view what);
/// Does this say that the connection is lost, and nothing of the VM? By the last call's error.
[[nodiscard]] bool lost_connection(const Api& api, virConnectPtr connection);

}  // namespace godwit::libvirt
