#pragma once

#include <algorithm>
#include <compare>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/libvirt/api.h"
#include "godwit/libvirt/event_queue.h"

/// libvirt's handles, which are given back by themselves.

namespace godwit::libvirt {

/// Frees with a function of the loaded library.
template <class Handle>
struct Free {
  int (*free)(Handle*) = nullptr;
  void operator()(Handle* handle) const { (void)free(handle); }
};
using DomainHandle = std::unique_ptr<virDomain, Free<virDomain>>;

/// A domain's state as its daemon has it.
struct DomainState {
  int state = VIR_DOMAIN_NOSTATE;
  int reason = 0;
  [[nodiscard]] bool active() const {
    return state != VIR_DOMAIN_SHUTOFF && state != VIR_DOMAIN_NOSTATE;
  }
};

/// How long opening a connection may take, and who ends it sooner.
struct Opening {
  /// Absent: half a minute, or two minutes where a person may be asked for a password.
  std::optional<Seconds> patience{};
  /// Counts what is requested meanwhile. What was requested before does not: who clears up after a
  /// stop needs daemons, too.
  std::stop_token stop{};
};

/// A connection to a daemon. A daemon that hangs is noticed by the connection's keep-alive. Calls
/// block for as long as the daemon does. Any thread; libvirt's connections can be shared.
class Connection {
 public:
  /// `uri`: as virsh takes it; empty: the local system's. kEnvironment: no library. kPeerGone: no
  /// daemon answers, or not in time. kInterrupted: by `how`.
  static Result<std::shared_ptr<Connection>> open(const std::string& uri, const Opening& how = {});
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] const Api& api() const { return api_; }
  [[nodiscard]] virConnectPtr get() const { return connection_; }
  [[nodiscard]] const std::string& uri() const { return uri_; }
  [[nodiscard]] bool alive() const { return api_.virConnectIsAlive(connection_) == 1; }
  [[nodiscard]] Error error(std::string_view what) const { return last_error(api_, what); }

  /// By name or UUID. kNotFound.
  Result<DomainHandle> find(const std::string& domain) const;
  /// As a person names it: the number of one that runs does, too, where none has that name.
  Result<DomainHandle> find_as_typed(const std::string& domain) const;
  Result<DomainState> state_of(virDomainPtr domain) const;
  /// As it runs; with `flags` of virDomainGetXMLDesc.
  Result<std::string> xml_of(virDomainPtr domain, unsigned flags) const;
  Result<std::string> capabilities() const;
  struct Version {
    int major = 0;
    int minor = 0;
    int micro = 0;
    [[nodiscard]] std::string text() const;
    friend constexpr auto operator<=>(const Version&, const Version&) = default;
  };
  /// Of the daemon, and of the hypervisor that it runs; zeros where it does not tell.
  [[nodiscard]] Version daemon_version() const;
  [[nodiscard]] Version hypervisor_version() const;

  /// Has what this daemon says of that domain put into the queue, for as long as the connection
  /// lasts.
  Result<void> listen(const std::string& uuid, Side side, std::shared_ptr<EventQueue> queue);
  /// The same of all its domains, told apart by nothing.
  Result<void> listen_to_all(Side side, std::shared_ptr<EventQueue> queue) {
    return listen("", side, std::move(queue));
  }

  /// Text that libvirt allocated.
  [[nodiscard]] static std::string take(char* text);

 private:
  Connection(const Api& api, virConnectPtr connection, std::string uri)
      : api_(api), connection_(connection), uri_(std::move(uri)) {}

  const Api& api_;
  virConnectPtr connection_;
  std::string uri_;
  std::vector<int> callbacks_;
};

/// Typed parameters for a call, or from one.
class Parameters {
 public:
  explicit Parameters(const Api& api) : api_(api) {}
  ~Parameters() { api_.virTypedParamsFree(values_, count_); }
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  void add(const char* name, int value);
  void add(const char* name, unsigned long long value);
  void add(const char* name, const std::string& value);

  [[nodiscard]] virTypedParameterPtr get() const { return values_; }
  [[nodiscard]] unsigned size() const { return static_cast<unsigned>(count_); }
  [[nodiscard]] std::span<const virTypedParameter> all() const { return {values_, size()}; }
  /// For a call that fills them in.
  [[nodiscard]] virTypedParameterPtr* out() { return &values_; }
  [[nodiscard]] int* out_size() { return &count_; }

 private:
  const Api& api_;
  virTypedParameterPtr values_ = nullptr;
  int count_ = 0;
  int room_ = 0;
};

/// The domains of a host; they are given back with this.
class ListedDomains {
 public:
  /// `flags`: VIR_CONNECT_LIST_DOMAINS_….
  ListedDomains(const Connection& host, unsigned flags);
  ~ListedDomains();
  ListedDomains(const ListedDomains&) = delete;
  ListedDomains& operator=(const ListedDomains&) = delete;

  /// False where the daemon did not tell.
  [[nodiscard]] bool listed() const { return count_ >= 0; }
  [[nodiscard]] std::span<const virDomainPtr> all() const {
    return {all_, static_cast<std::size_t>(std::max(count_, 0))};
  }

 private:
  const Api& api_;
  virDomainPtr* all_ = nullptr;
  int count_ = -1;
};
[[nodiscard]] std::string name_of(const Connection& host, virDomainPtr domain);
[[nodiscard]] std::string uuid_of(const Connection& host, virDomainPtr domain);

/// A domain's job of that moment, or the newest that ended.
struct Job {
  int type = VIR_DOMAIN_JOB_NONE;
  int operation = VIR_DOMAIN_JOB_OPERATION_UNKNOWN;
  MigrationStatus status;  ///< without a phase
  /// It is one, and under way, that leaves this host.
  [[nodiscard]] bool leaves() const {
    return operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT &&
           (type == VIR_DOMAIN_JOB_BOUNDED || type == VIR_DOMAIN_JOB_UNBOUNDED);
  }
  Bytes disk_done;
  Bytes disk_left;
};
/// The UUID of the machine that a daemon is on; empty where it has none to tell.
Result<std::string> machine_of(const Connection& host);
/// VmDescription::identity of a domain, wherever it is asked for; empty where the host is silent.
[[nodiscard]] std::string identity_of(const Connection& host, const std::string& uuid);
Result<Job> job_of(const Connection& connection, virDomainPtr domain, unsigned flags = 0);

}  // namespace godwit::libvirt
