#include "godwit/rig/client_probes.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "godwit/base/log.h"
#include "godwit/domain/technique.h"
#include "godwit/guest/load_plan.h"
#include "godwit/lab/guest_report.h"
#include "godwit/probe/http_probe.h"
#include "godwit/probe/message_probe.h"
#include "godwit/probe/message_sender.h"

namespace godwit::rig {
namespace {

using probe::Transport;

constexpr const char* kClientAddress = "10.77.0.1";  // as lab.h has it
constexpr Seconds kPatience{15};
/// A guest that has moved is heard again within a TCP timer's doublings of an outage.
constexpr Seconds kLinger{5};
/// So long pages are asked for after the migration; before it, while the guest is profiled.
constexpr Seconds kAfter{1.5};
/// Whoever waits for a line of the guest's report looks so often; ten come in a second.
constexpr Seconds kLook{0.05};
/// The newest line may have been written before what was asked: the second one after it was not.
constexpr std::int64_t kLinesUntilSettled = 2;

std::optional<std::uint32_t> ip_of(const std::string& text) {
  in_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

std::optional<ClientTask> task_of(const guest::LoadSpec& load,
                                  std::optional<std::uint32_t> client) {
  using Kind = ClientTask::Kind;
  ClientTask task{Kind::kAskHttp, static_cast<int>(load.port),
                  std::string(guest::name_of(load.kind))};
  switch (load.kind) {
    case guest::LoadKind::kTcpSend:
    case guest::LoadKind::kUdpSend:
      if (load.peer_ip != client) return std::nullopt;
      task.kind = load.kind == guest::LoadKind::kTcpSend ? Kind::kTakeTcp : Kind::kTakeUdp;
      return task;
    case guest::LoadKind::kTcpReceive:
      task.kind = Kind::kSendTcp;
      return task;
    case guest::LoadKind::kUdpReceive:
      task.kind = Kind::kSendUdp;
      return task;
    case guest::LoadKind::kHttp:
      return task;
    default:
      return std::nullopt;
  }
}

/// The longest of several, the sum of several: a load may have more than one client.
void keep_longest(std::optional<Seconds>& kept, Seconds more) {
  kept = std::max(kept.value_or(Seconds{0}), more);
}
void add(std::optional<std::int64_t>& kept, std::int64_t more) {
  kept = kept.value_or(0) + more;
}
void add_trouble(bench::Network& network, const std::string& what) {
  if (what.empty()) return;
  network.trouble = network.trouble ? *network.trouble + "; " + what : what;
}

/// Counters only rise, but those of a load that was begun anew begin at zero.
std::int64_t counted_since(std::int64_t before, std::int64_t after) {
  return after < before ? after : after - before;
}

/// Requests by when they were due: before the migration, until its end at the source, after that.
void add_latencies(const probe::HttpReport& seen, const MigrationOutcome& outcome,
                   bench::Network& network) {
  const std::int64_t began = outcome.started_wall_us;
  const std::int64_t ended =
      outcome.total_time ? began + static_cast<std::int64_t>(outcome.total_time->count() * 1e6)
                         : probe::kLastMoment;
  const auto between = [&seen](std::int64_t from, std::int64_t until) {
    return probe::summarize_latencies(seen.samples, from, until);
  };
  const std::array phases{between(probe::kFirstMoment, began), between(began, ended),
                          between(ended, probe::kLastMoment)};
  const auto failed = [](const probe::LatencySummary& of) {
    return of.requests > 0 ? std::optional(of.failed) : std::nullopt;
  };
  network.http_p50 = {phases[0].p50, phases[1].p50, phases[2].p50};
  network.http_p99 = {phases[0].p99, phases[1].p99, phases[2].p99};
  network.http_failed = {failed(phases[0]), failed(phases[1]), failed(phases[2])};
}

/// Receives what the guest sends.
class Receiver final : public ClientProbe {
 public:
  Receiver(std::unique_ptr<probe::MessageProbe> probe, Transport transport)
      : probe_(std::move(probe)), transport_(transport) {}

  Result<void> start(const ClientPlace&, const std::string&) override {
    return probe_->start(kPatience);
  }
  Result<void> stop(const MigrationOutcome& outcome, const std::string&,
                    bench::Network& network) override {
    GODWIT_TRY(const probe::MessageReport seen, probe_->stop(kLinger, outcome.started_wall_us));
    if (transport_ == Transport::kTcp) {
      keep_longest(network.tcp_gap, seen.outage());
    } else {
      add(network.udp_lost, seen.lost);
      add(network.udp_out_of_order, seen.out_of_order);
    }
    add_trouble(network, seen.trouble);
    return {};
  }

 private:
  std::unique_ptr<probe::MessageProbe> probe_;
  Transport transport_;
};

/// Sends to the guest, whose report counts what is missing.
class Sender final : public ClientProbe {
 public:
  Sender(ClientTask task, Transport transport, Clock& clock, std::stop_token stop)
      : task_(std::move(task)), transport_(transport), clock_(clock), stop_(std::move(stop)) {}

  Result<void> start(const ClientPlace& place, const std::string& report) override {
    GODWIT_TRY(before_, counted(report));
    probe::MessageSenderOptions options;
    options.transport = transport_;
    options.target = place.guest_address;
    options.port = task_.port;
    options.netns = place.netns;
    sender_.emplace(options);
    GODWIT_CHECK_OK(sender_->start(kPatience));
    return await(report, [this](const Counted& now) { return now.work > before_.work; });
  }

  Result<void> stop(const MigrationOutcome& outcome, const std::string& report,
                    bench::Network& network) override {
    GODWIT_TRY(const probe::SenderReport sent, sender_->stop(kLinger, outcome.started_wall_us));
    add_trouble(network, sent.trouble);
    if (transport_ == Transport::kTcp) {
      // a connection that ended tells nothing of the time after it
      if (sent.outage() && sent.trouble.empty()) keep_longest(network.tcp_gap, *sent.outage());
      return {};
    }
    if (is_cold(outcome.technique)) return {};  // who was switched off forgets what it counted
    GODWIT_TRY(const Counted newest, counted(report));
    const std::int64_t settled = newest.line + kLinesUntilSettled;
    GODWIT_CHECK_OK(await(report, [settled](const Counted& now) { return now.line >= settled; }));
    GODWIT_TRY(const Counted after, counted(report));
    add(network.udp_lost, counted_since(before_.lost, after.lost));
    add(network.udp_out_of_order, counted_since(before_.out_of_order, after.out_of_order));
    return {};
  }

 private:
  struct Counted {
    std::int64_t line = 0;  ///< of the report
    std::int64_t work = 0;
    std::int64_t lost = 0;
    std::int64_t out_of_order = 0;
  };

  /// Of all loads of that kind together.
  [[nodiscard]] Result<Counted> counted(const std::string& report) const {
    GODWIT_TRY(const lab::GuestReport newest, lab::newest_report(report));
    Counted sum;
    sum.line = newest.seq;
    for (const lab::LoadWork& one : newest.works) {
      if (one.load != task_.load) continue;
      sum.work += one.work;
      sum.lost += one.lost.value_or(0);
      sum.out_of_order += one.out_of_order.value_or(0);
    }
    return sum;
  }

  template <class Condition>
  Result<void> await(const std::string& report, const Condition& holds) const {
    const TimePoint give_up = clock_.now() + kPatience;
    while (clock_.now() < give_up && clock_.wait_until(clock_.now() + kLook, stop_)) {
      GODWIT_TRY(const Counted now, counted(report));
      if (holds(now)) return {};
    }
    if (stop_.stop_requested()) {
      return fail(ErrorCode::kInterrupted, "stopped while the guest's report was awaited");
    }
    return fail(ErrorCode::kTimeout,
                fmt::format("the guest did not report that its {} receives what is sent to port {}",
                            task_.load, task_.port));
  }

  ClientTask task_;
  Transport transport_;
  Clock& clock_;
  std::stop_token stop_;
  Counted before_;
  std::optional<probe::MessageSender> sender_;
};

/// Asks for the guest's page.
class HttpClient final : public ClientProbe {
 public:
  HttpClient(ClientTask task, Clock& clock, std::stop_token stop)
      : task_(std::move(task)), clock_(clock), stop_(std::move(stop)) {}

  Result<void> start(const ClientPlace& place, const std::string&) override {
    probe::HttpProbeOptions options;
    options.target = place.guest_address;
    options.port = task_.port;
    options.netns = place.netns;
    probe_.emplace(options);
    return probe_->start(kPatience);
  }

  Result<void> stop(const MigrationOutcome& outcome, const std::string&,
                    bench::Network& network) override {
    (void)clock_.wait_until(clock_.now() + kAfter, stop_);
    GODWIT_TRY(const probe::HttpReport seen, probe_->stop(kLinger));
    add_latencies(seen, outcome, network);
    add_trouble(network, seen.trouble);
    return {};
  }

 private:
  ClientTask task_;
  Clock& clock_;
  std::stop_token stop_;
  std::optional<probe::HttpProbe> probe_;
};

Result<std::unique_ptr<ClientProbe>> listen_for(const ClientTask& task, Transport transport,
                                                const std::string& netns) {
  GODWIT_TRY(auto probe, probe::MessageProbe::listen({transport, task.port, netns}));
  return std::unique_ptr<ClientProbe>(std::make_unique<Receiver>(std::move(probe), transport));
}

Result<std::unique_ptr<ClientProbe>> probe_for(const ClientTask& task, const std::string& netns,
                                               Clock& clock, const std::stop_token& stop) {
  using Kind = ClientTask::Kind;
  std::unique_ptr<ClientProbe> probe;
  switch (task.kind) {
    case Kind::kTakeTcp:
      return listen_for(task, Transport::kTcp, netns);
    case Kind::kTakeUdp:
      return listen_for(task, Transport::kUdp, netns);
    case Kind::kSendTcp:
      probe = std::make_unique<Sender>(task, Transport::kTcp, clock, stop);
      break;
    case Kind::kSendUdp:
      probe = std::make_unique<Sender>(task, Transport::kUdp, clock, stop);
      break;
    case Kind::kAskHttp:
      probe = std::make_unique<HttpClient>(task, clock, stop);
      break;
  }
  return probe;
}

}  // namespace

std::vector<ClientTask> client_tasks(const std::string& spec, const std::string& client) {
  std::vector<ClientTask> tasks;
  const auto parsed = guest::parse_load_plan(spec);
  if (!parsed.plan) return tasks;
  const auto ip = ip_of(client);
  for (const guest::Track& track : parsed.plan->tracks) {
    for (const guest::Phase& phase : track.phases) {
      auto task = task_of(phase.load, ip);
      if (task && std::find(tasks.begin(), tasks.end(), *task) == tasks.end()) {
        tasks.push_back(std::move(*task));
      }
    }
  }
  return tasks;
}

Result<ClientProbes> ClientProbes::open(const std::string& spec, const std::string& client_netns,
                                        Clock& clock, const std::stop_token& stop) {
  ClientProbes all;
  for (const ClientTask& task : client_tasks(spec, kClientAddress)) {
    GODWIT_TRY(auto probe, probe_for(task, client_netns, clock, stop));
    all.probes_.push_back(std::move(probe));
  }
  return all;
}

Result<void> ClientProbes::start(const ClientPlace& place, const std::string& report) {
  for (const auto& probe : probes_) GODWIT_CHECK_OK(probe->start(place, report));
  return {};
}

std::optional<bench::Network> ClientProbes::stop(const MigrationOutcome& outcome,
                                                 const std::string& report) {
  if (probes_.empty()) return std::nullopt;
  bench::Network network;
  for (const auto& probe : probes_) {
    const auto stopped = probe->stop(outcome, report, network);
    if (stopped) continue;
    log::warning("{}", stopped.error().message);
    add_trouble(network, stopped.error().message);
  }
  return network;
}

}  // namespace godwit::rig
