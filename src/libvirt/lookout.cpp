#include "godwit/libvirt/lookout.h"

#include <fmt/format.h>

#include <utility>

#include "godwit/libvirt/connection.h"
#include "godwit/libvirt/event_queue.h"

namespace godwit::libvirt {
namespace {

/// A domain that ended since it was listed leaves no more.
bool leaves(const Connection& host, virDomainPtr domain) {
  const auto job = job_of(host, domain);
  return job && job->leaves();
}

}  // namespace

Lookout::Lookout(std::shared_ptr<Connection> connection)
    : connection_(std::move(connection)), queue_(std::make_shared<EventQueue>()) {}
Lookout::~Lookout() = default;

Result<std::unique_ptr<Lookout>> Lookout::open(const std::string& uri,
                                               const std::stop_token& stop) {
  GODWIT_TRY(auto connection, Connection::open(uri, {.stop = stop}));
  std::unique_ptr<Lookout> opened(new Lookout(std::move(connection)));
  GODWIT_CHECK_OK(opened->connection_->listen_to_all(Side::kSource, opened->queue_));
  return opened;
}

Result<std::vector<Departure>> Lookout::look(const std::set<std::string>& known) {
  const ListedDomains running(*connection_, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
  if (!running.listed()) {
    return fail(connection_->error(fmt::format("listing the domains of {}", connection_->uri())));
  }
  std::vector<Departure> leaving;
  for (virDomainPtr const domain : running.all()) {
    Departure one{name_of(*connection_, domain), uuid_of(*connection_, domain)};
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
