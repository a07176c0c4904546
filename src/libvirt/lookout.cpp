#include "godwit/libvirt/lookout.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "connection.h"
#include "event_queue.h"

namespace godwit::libvirt {
namespace {

/// The domains that run at a host; they are given back with this.
class RunningDomains {
 public:
  explicit RunningDomains(const Connection& host) : api_(host.api()) {
    count_ = api_.virConnectListAllDomains(host.get(), &all_, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
  }
  ~RunningDomains() {
    for (int i = 0; i < count_; ++i) (void)api_.virDomainFree(all_[i]);
    std::free(all_);  // NOLINT(cppcoreguidelines-no-malloc): as libvirt wants it
  }
  RunningDomains(const RunningDomains&) = delete;
  RunningDomains& operator=(const RunningDomains&) = delete;

  [[nodiscard]] bool listed() const { return count_ >= 0; }
  [[nodiscard]] std::span<const virDomainPtr> all() const {
    return {all_, static_cast<std::size_t>(std::max(count_, 0))};
  }

 private:
  const Api& api_;
  virDomainPtr* all_ = nullptr;
  int count_ = -1;
};

Departure names_of(const Api& api, virDomainPtr domain) {
  std::array<char, VIR_UUID_STRING_BUFLEN> uuid{};
  (void)api.virDomainGetUUIDString(domain, uuid.data());
  const char* const name = api.virDomainGetName(domain);
  return {name == nullptr ? "" : name, uuid.data()};
}

/// A domain that ended since it was listed leaves no more.
bool leaves(const Connection& host, virDomainPtr domain) {
  const auto job = job_of(host, domain);
  return job && job->operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT &&
         (job->type == VIR_DOMAIN_JOB_BOUNDED || job->type == VIR_DOMAIN_JOB_UNBOUNDED);
}

}  // namespace

Lookout::Lookout(std::shared_ptr<Connection> connection)
    : connection_(std::move(connection)), queue_(std::make_shared<EventQueue>()) {}
Lookout::~Lookout() = default;

Result<std::unique_ptr<Lookout>> Lookout::open(const std::string& uri) {
  GODWIT_TRY(auto connection, Connection::open(uri));
  std::unique_ptr<Lookout> opened(new Lookout(std::move(connection)));
  GODWIT_CHECK_OK(opened->connection_->listen_to_all(Side::kSource, opened->queue_));
  return opened;
}

Result<std::vector<Departure>> Lookout::look(const std::set<std::string>& known) {
  const RunningDomains running(*connection_);
  if (!running.listed()) {
    return fail(connection_->error(fmt::format("listing the domains of {}", connection_->uri())));
  }
  std::vector<Departure> leaving;
  for (virDomainPtr const domain : running.all()) {
    Departure one = names_of(connection_->api(), domain);
    if (!known.contains(one.uuid) && leaves(*connection_, domain)) {
      leaving.push_back(std::move(one));
    }
  }
  if (connection_->alive()) return leaving;
  return fail(ErrorCode::kPeerGone,
              fmt::format("the connection to {} is lost", connection_->uri()));
}

void Lookout::wait(const Clock& clock, TimePoint deadline, const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] { queue_->wake(); });
  while (!stop.stop_requested()) {
    const auto event = queue_->next(clock, deadline);
    if (!event || event->kind == DomainEvent::Kind::kPass) return;
  }
}

}  // namespace godwit::libvirt
