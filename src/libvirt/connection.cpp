#include "godwit/libvirt/connection.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <span>

#include "godwit/base/log.h"
#include "godwit/base/proc_file.h"
#include "godwit/libvirt/domain_xml.h"
#include "godwit/libvirt/job.h"
#include "opening.h"

namespace godwit::libvirt {
namespace {

constexpr const char* kLocalSystem = "qemu:///system";

/// What a callback gets: libvirt frees it with the callback.
struct Listener {
  const Api& api;
  std::string uuid;  ///< empty: of every domain
  Side side;
  std::shared_ptr<EventQueue> queue;

  [[nodiscard]] bool concerns(virDomainPtr domain) const {
    if (uuid.empty()) return true;
    std::array<char, VIR_UUID_STRING_BUFLEN> text{};
    return api.virDomainGetUUIDString(domain, text.data()) == 0 && uuid == text.data();
  }
};

std::optional<DomainEvent::Kind> kind_of(int event) {
  using Kind = DomainEvent::Kind;
  switch (event) {
    case VIR_DOMAIN_EVENT_STARTED:
      return Kind::kStarted;
    case VIR_DOMAIN_EVENT_SUSPENDED:
      return Kind::kSuspended;
    case VIR_DOMAIN_EVENT_RESUMED:
      return Kind::kResumed;
    case VIR_DOMAIN_EVENT_STOPPED:
      return Kind::kStopped;
    case VIR_DOMAIN_EVENT_SHUTDOWN:
      return Kind::kShuttingDown;
    default:
      return std::nullopt;
  }
}

int on_lifecycle(virConnectPtr, virDomainPtr domain, int event, int detail, void* opaque) {
  const auto& listener = *static_cast<Listener*>(opaque);
  const auto kind = kind_of(event);
  if (kind && listener.concerns(domain)) {
    DomainEvent told{.kind = *kind, .side = listener.side};
    told.detail = detail;
    listener.queue->push(std::move(told));
  }
  return 0;
}

void on_iteration(virConnectPtr, virDomainPtr domain, int iteration, void* opaque) {
  const auto& listener = *static_cast<Listener*>(opaque);
  if (!listener.concerns(domain)) return;
  DomainEvent told{.kind = DomainEvent::Kind::kPass, .side = listener.side};
  told.pass = iteration;
  listener.queue->push(std::move(told));
}

void on_job_completed(virConnectPtr, virDomainPtr domain, virTypedParameterPtr params, int count,
                      void* opaque) {
  const auto& listener = *static_cast<Listener*>(opaque);
  const std::span<const virTypedParameter> job(params, static_cast<std::size_t>(count));
  if (!listener.concerns(domain)) return;
  const int operation = operation_of(job);
  if (operation != VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT) return;
  DomainEvent told{.kind = DomainEvent::Kind::kJobEnded, .side = listener.side};
  told.ended = status_of(job, true);
  listener.queue->push(std::move(told));
}

Bytes bytes_of(std::span<const virTypedParameter> job, std::string_view name) {
  for (const virTypedParameter& one : job) {
    if (name == one.field && one.type == VIR_TYPED_PARAM_ULLONG) {
      const auto most = static_cast<unsigned long long>(kMostBytes.count());
      return Bytes(static_cast<std::int64_t>(std::min(one.value.ul, most)));
    }
  }
  return {};
}

Connection::Version version_of(unsigned long number) {
  return {static_cast<int>(number / 1'000'000), static_cast<int>(number / 1000 % 1000),
          static_cast<int>(number % 1000)};
}

}  // namespace

std::string Connection::Version::text() const {
  return fmt::format("{}.{}.{}", major, minor, micro);
}

Result<std::shared_ptr<Connection>> Connection::open(const std::string& uri, const Opening& how) {
  GODWIT_TRY(const Api* const api, load_api());
  const std::string named = uri.empty() ? kLocalSystem : uri;
  log::debug("connecting to {}", named);
  GODWIT_TRY(virConnectPtr const connection, open_within(*api, named, how));
  return std::shared_ptr<Connection>(new Connection(*api, connection, named));
}

Connection::~Connection() {
  for (const int one : callbacks_) {
    (void)api_.virConnectDomainEventDeregisterAny(connection_, one);
  }
  (void)api_.virConnectClose(connection_);
}

std::string Connection::take(char* text) {
  std::string taken = text == nullptr ? "" : text;
  std::free(text);  // NOLINT(cppcoreguidelines-no-malloc): as libvirt wants it
  return taken;
}

Result<DomainHandle> Connection::find(const std::string& domain) const {
  virDomainPtr found = api_.virDomainLookupByName(connection_, domain.c_str());
  if (found == nullptr && domain.size() == VIR_UUID_STRING_BUFLEN - 1) {
    found = api_.virDomainLookupByUUIDString(connection_, domain.c_str());
  }
  if (found != nullptr) return DomainHandle(found, {api_.virDomainFree});
  return fail(error(fmt::format("looking for domain '{}' at {}", domain, uri_)));
}

Result<DomainHandle> Connection::find_as_typed(const std::string& domain) const {
  auto found = find(domain);
  const auto id = natural_number(domain);
  const bool may_be_id = id && *id <= std::numeric_limits<int>::max();
  if (found || !may_be_id || found.error().code != ErrorCode::kNotFound) return found;
  virDomainPtr const by_id = api_.virDomainLookupByID(connection_, static_cast<int>(*id));
  if (by_id != nullptr) return DomainHandle(by_id, {api_.virDomainFree});
  return found;
}

Result<DomainState> Connection::state_of(virDomainPtr domain) const {
  DomainState now;
  if (api_.virDomainGetState(domain, &now.state, &now.reason, 0) == 0) return now;
  return fail(error("asking for the domain's state"));
}

Result<std::string> Connection::xml_of(virDomainPtr domain, unsigned flags) const {
  char* const xml = api_.virDomainGetXMLDesc(domain, flags);
  if (xml == nullptr) return fail(error("asking for the domain's description"));
  return take(xml);
}

Result<std::string> Connection::capabilities() const {
  char* const xml = api_.virConnectGetCapabilities(connection_);
  if (xml == nullptr) return fail(error(fmt::format("asking {} what it can do", uri_)));
  return take(xml);
}

Connection::Version Connection::daemon_version() const {
  unsigned long number = 0;
  return api_.virConnectGetLibVersion(connection_, &number) == 0 ? version_of(number) : Version{};
}

Connection::Version Connection::hypervisor_version() const {
  unsigned long number = 0;
  return api_.virConnectGetVersion(connection_, &number) == 0 ? version_of(number) : Version{};
}

Result<void> Connection::listen(const std::string& uuid, Side side,
                                std::shared_ptr<EventQueue> queue) {
  const std::array<std::pair<int, virConnectDomainEventGenericCallback>, 3> wanted{{
      {VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle)},
      {VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION, VIR_DOMAIN_EVENT_CALLBACK(on_iteration)},
      {VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, VIR_DOMAIN_EVENT_CALLBACK(on_job_completed)},
  }};
  for (const auto& [id, callback] : wanted) {
    // a domain that is not there yet can't be named: its events are told apart by the UUID
    const int number = api_.virConnectDomainEventRegisterAny(
        connection_, nullptr, id, callback, new Listener{api_, uuid, side, queue},
        [](void* opaque) { delete static_cast<Listener*>(opaque); });
    if (number < 0) return fail(error("listening to the daemon's events"));
    callbacks_.push_back(number);
  }
  return {};
}

void Parameters::add(const char* name, int value) {
  (void)api_.virTypedParamsAddInt(&values_, &count_, &room_, name, value);
}

void Parameters::add(const char* name, unsigned long long value) {
  (void)api_.virTypedParamsAddULLong(&values_, &count_, &room_, name, value);
}

void Parameters::add(const char* name, const std::string& value) {
  (void)api_.virTypedParamsAddString(&values_, &count_, &room_, name, value.c_str());
}

ListedDomains::ListedDomains(const Connection& host, unsigned flags) : api_(host.api()) {
  count_ = api_.virConnectListAllDomains(host.get(), &all_, flags);
}

ListedDomains::~ListedDomains() {
  for (int i = 0; i < count_; ++i) (void)api_.virDomainFree(all_[i]);
  std::free(all_);  // NOLINT(cppcoreguidelines-no-malloc): as libvirt wants it
}

std::string name_of(const Connection& host, virDomainPtr domain) {
  const char* const name = host.api().virDomainGetName(domain);
  return name == nullptr ? "" : name;
}

std::string uuid_of(const Connection& host, virDomainPtr domain) {
  std::array<char, VIR_UUID_STRING_BUFLEN> uuid{};
  (void)host.api().virDomainGetUUIDString(domain, uuid.data());
  return uuid.data();
}

Result<std::string> machine_of(const Connection& host) {
  GODWIT_TRY(const std::string capabilities, host.capabilities());
  return host_uuid_of(capabilities);
}

std::string identity_of(const Connection& host, const std::string& uuid) {
  const auto machine = machine_of(host);
  return machine ? fmt::format("libvirt {} {}", *machine, uuid) : "";
}

Result<Job> job_of(const Connection& connection, virDomainPtr domain, unsigned flags) {
  Parameters told(connection.api());
  Job job;
  if (connection.api().virDomainGetJobStats(domain, &job.type, told.out(), told.out_size(), flags) <
      0) {
    return fail(connection.error("asking how far the domain's job is"));
  }
  job.operation = operation_of(told.all());
  job.status = status_of(told.all(), (flags & VIR_DOMAIN_JOB_STATS_COMPLETED) != 0);
  job.disk_done = bytes_of(told.all(), VIR_DOMAIN_JOB_DISK_PROCESSED);
  job.disk_left = bytes_of(told.all(), VIR_DOMAIN_JOB_DISK_REMAINING);
  return job;
}

}  // namespace godwit::libvirt
