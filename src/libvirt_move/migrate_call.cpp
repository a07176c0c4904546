#include "migrate_call.h"

#include <fmt/format.h>

#include <utility>

#include "godwit/control/settings.h"
#include "godwit/domain/address.h"
#include "godwit/libvirt/speed.h"

namespace godwit::libvirt_move {
namespace {

using libvirt::DomainHandle;
using libvirt::lost_connection;
using libvirt::whole_mib;

/// libvirt's name for how pages are coded; empty: not at all.
std::string compression_of(Technique technique) {
  switch (technique.codec) {
    case Codec::kXbzrle:
      return "xbzrle";
    case Codec::kCompress:
      return "mt";
    case Codec::kZlib:
      return "zlib";
    case Codec::kZstd:
      return "zstd";
    case Codec::kNone:
      break;
  }
  return "";
}

/// Of refusals that come from how a host is set up, and that libvirt has no numbers for.
std::optional<Remedy> remedy_of(const std::string& message, bool tls) {
  const auto tells_of = [&](const char* words) { return message.find(words) != std::string::npos; };
  if (tells_of("VIR_MIGRATE_TLS")) {  // its configuration says migrate_tls_force
    return Remedy{"ask for TLS: ", Setting::kTls, " (docs/tls.md)"};
  }
  if (tls && (tells_of("cert") || tells_of("TLS"))) {
    return Remedy{
        "see that both hosts have certificates, as docs/tls.md says of libvirt; or leave ",
        Setting::kTls, " out, if the network between them is to be trusted"};
  }
  if (tells_of("serfaultfd")) {  // with a capital letter where it begins QEMU's sentence
    return Remedy{"leave post-copy out (", Setting::kNoPostcopy,
                  "), or let QEMUs of ordinary users have it, as root at the destination: sysctl "
                  "vm.unprivileged_userfaultfd=1"};
  }
  return std::nullopt;
}

unsigned long long unsigned_of(Bytes size) {
  return static_cast<unsigned long long>(size.count());
}

/// By another address the destination is still the host that its certificate names.
void add_stream(Parameters& parameters, const MigrateOrder& order) {
  if (order.stream.empty()) return;
  parameters.add(VIR_MIGRATE_PARAM_URI, order.stream);
  const auto host = host_of_uri(order.destination_uri);
  if (order.plan.tls && host) parameters.add(VIR_MIGRATE_PARAM_TLS_DESTINATION, *host);
}

}  // namespace

/// Definitions stay as they are on both sides, as libvirt does without being told: a domain that is
/// defined at the source stays defined there, and is not at the destination.
unsigned flags_for(const MigrationPlan& plan) {
  const auto on = control::settings_for(plan).on;
  unsigned flags = VIR_MIGRATE_LIVE;
  if (on.contains(Capability::kAutoConverge)) flags |= VIR_MIGRATE_AUTO_CONVERGE;
  if (on.contains(Capability::kMultifd)) flags |= VIR_MIGRATE_PARALLEL;
  if (on.contains(Capability::kPostcopyRam)) flags |= VIR_MIGRATE_POSTCOPY;
  if (plan.technique.codec != Codec::kNone) flags |= VIR_MIGRATE_COMPRESSED;
  if (plan.technique.storage) flags |= VIR_MIGRATE_NON_SHARED_DISK;
  if (plan.tls) flags |= VIR_MIGRATE_TLS;
  return flags;
}

void add_parameters(Parameters& parameters, const MigrateOrder& order) {
  const MigrationPlan& plan = order.plan;
  const MigrationParameters wanted = control::settings_for(plan).parameters;
  const auto add_rate = [&](const char* name, const std::optional<BytesPerSecond>& rate) {
    if (rate) parameters.add(name, static_cast<unsigned long long>(whole_mib(*rate)));
  };
  const auto add_int = [&](const char* name, const std::optional<int>& value) {
    if (value) parameters.add(name, *value);
  };
  add_rate(VIR_MIGRATE_PARAM_BANDWIDTH, wanted.max_bandwidth);
  if (flags_for(plan) & VIR_MIGRATE_POSTCOPY) {
    add_rate(VIR_MIGRATE_PARAM_BANDWIDTH_POSTCOPY, wanted.max_postcopy_bandwidth);
  }
  add_rate(VIR_MIGRATE_PARAM_BANDWIDTH_AVAIL_SWITCHOVER, wanted.avail_switchover_bandwidth);
  if (plan.technique.streams == Streams::kMultifd) {
    add_int(VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS, wanted.multifd_channels);
  }
  if (plan.technique.throttle == Throttle::kAutoConverge) {
    add_int(VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL, wanted.throttle_initial_percent);
    add_int(VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT, wanted.throttle_increment_percent);
  }
  add_stream(parameters, order);
  const std::string compression = compression_of(plan.technique);
  if (!compression.empty()) parameters.add(VIR_MIGRATE_PARAM_COMPRESSION, compression);
  if (plan.technique.codec == Codec::kXbzrle && wanted.xbzrle_cache) {
    parameters.add(VIR_MIGRATE_PARAM_COMPRESSION_XBZRLE_CACHE, unsigned_of(*wanted.xbzrle_cache));
  }
}

MigrateCall::MigrateCall(std::shared_ptr<Connection> source,
                         std::shared_ptr<Connection> destination, std::string uuid,
                         MigrateOrder order, std::shared_ptr<EventQueue> queue)
    : source_(std::move(source)),
      destination_(std::move(destination)),
      uuid_(std::move(uuid)),
      order_(std::move(order)),
      queue_(std::move(queue)),
      thread_([this] { run(); }) {}

MigrateCall::~MigrateCall() {
  thread_.join();
}

std::optional<MigrateCall::End> MigrateCall::end() const {
  const std::scoped_lock lock(mutex_);
  return end_;
}

void MigrateCall::run() {
  End end;
  if (const auto domain = source_->find(uuid_)) {
    end = peer_to_peer(domain->get());
    if (!end.well && !end.lost && !committed_) {
      const std::string problem = end.error ? end.error->message : "";
      end = direct(domain->get());
      end.peer_problem = problem;
    }
  } else {
    end.error = domain.error();
  }
  end.at = clock_.now();
  {
    const std::scoped_lock lock(mutex_);
    end_ = std::move(end);
  }
  queue_->wake();
}

MigrateCall::End MigrateCall::failed(std::string_view what) const {
  End end;
  end.error = source_->error(what);  // first: the next call forgets it
  if (auto remedy = remedy_of(end.error->message, order_.plan.tls))
    end.error->what_to_do = std::move(*remedy);
  end.lost = lost_connection(source_->api(), source_->get());
  return end;
}

/// Only where another host can make anything of the URI.
MigrateCall::End MigrateCall::peer_to_peer(virDomainPtr domain) {
  if (!host_of_uri(order_.destination_uri)) {
    End end;
    end.error = Error{ErrorCode::kUnsupported, "its URI names no host", ""};
    return end;
  }
  Parameters parameters(source_->api());
  add_parameters(parameters, order_);
  const unsigned flags = flags_for(order_.plan) | VIR_MIGRATE_PEER2PEER;
  const int done = source_->api().virDomainMigrateToURI3(
      domain, order_.destination_uri.c_str(), parameters.get(), parameters.size(), flags);
  if (done != 0) return failed("migrating peer-to-peer");
  End end;
  end.well = true;
  return end;
}

MigrateCall::End MigrateCall::direct(virDomainPtr domain) {
  Parameters parameters(source_->api());
  add_parameters(parameters, order_);
  const DomainHandle there(
      source_->api().virDomainMigrate3(domain, destination_->get(), parameters.get(),
                                       parameters.size(), flags_for(order_.plan)),
      {source_->api().virDomainFree});
  End end;
  if (there == nullptr) end = failed("migrating");
  end.well = there != nullptr;
  end.lost = end.lost || (!end.well && !destination_->alive());
  end.direct = true;
  return end;
}

}  // namespace godwit::libvirt_move
