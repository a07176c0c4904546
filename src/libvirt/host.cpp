#include "godwit/libvirt/host.h"

#include <fmt/format.h>

#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "godwit/libvirt/domain_xml.h"
#include "godwit/libvirt/job.h"

namespace godwit::libvirt {
namespace {

/// libvirt counts memory in KiB. Nothing where that can't be meant.
std::optional<Bytes> from_kib(unsigned long long kib) {
  if (kib > static_cast<unsigned long long>(kMostBytes.count()) / 1024) return std::nullopt;
  return Bytes(static_cast<std::int64_t>(kib) * 1024);
}

/// Of its QEMU's memory, what is not only promised; 0 where nobody tells.
Bytes held_by(const Connection& host, virDomainPtr domain) {
  std::array<virDomainMemoryStatStruct, VIR_DOMAIN_MEMORY_STAT_NR> stats{};
  const int count = host.api().virDomainMemoryStats(domain, stats.data(), stats.size(), 0);
  for (int i = 0; i < count; ++i) {
    const virDomainMemoryStatStruct& one = stats[static_cast<std::size_t>(i)];
    if (one.tag == VIR_DOMAIN_MEMORY_STAT_RSS) return from_kib(one.val).value_or(Bytes());
  }
  return {};
}

std::optional<Bytes> memory_of(const Connection& host) {
  virNodeInfo info{};
  return host.api().virNodeGetInfo(host.get(), &info) == 0 ? from_kib(info.memory) : std::nullopt;
}

Result<HostedDomain> look_at(const Connection& host, virDomainPtr domain) {
  GODWIT_TRY(const DomainState now, host.state_of(domain));
  GODWIT_TRY(const std::string xml, host.xml_of(domain, 0));
  GODWIT_TRY(const DomainFacts facts, parse_domain(xml));
  HostedDomain one{facts.name, facts.uuid};
  bool arrives = false;
  if (now.active()) {
    const auto job = job_of(host, domain);
    one.leaves = job && job->leaves();
    arrives = job && job->operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN;
  }
  one.state = run_state_of(now.state, now.reason, arrives);
  one.state_name = state_name(now.state, now.reason);
  one.memory = facts.memory;
  one.vcpus = facts.vcpus;
  return one;
}

}  // namespace

Result<HostFacts> look_at_host(const Connection& host) {
  const ListedDomains active(host, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
  const ListedDomains stopped(host, VIR_CONNECT_LIST_DOMAINS_INACTIVE);
  if (!active.listed() || !stopped.listed()) {
    return fail(host.error(fmt::format("listing the domains of {}", host.uri())));
  }
  HostFacts facts;
  GODWIT_TRY(facts.machine, machine_of(host));
  facts.memory = memory_free(host);
  for (virDomainPtr const domain : active.all()) {
    auto one = look_at(host, domain);
    if (!one) continue;
    if (facts.memory) *facts.memory = capped_sum(*facts.memory, held_by(host, domain));
    facts.active.push_back(std::move(*one));
  }
  for (virDomainPtr const domain : stopped.all()) {
    if (auto one = look_at(host, domain)) facts.stopped.push_back(std::move(*one));
  }
  if (const auto all = memory_of(host); all && facts.memory) {
    facts.memory = std::min(*all, *facts.memory);
  }
  if (host.alive()) return facts;
  return fail(ErrorCode::kPeerGone, fmt::format("the connection to {} is lost", host.uri()));
}

Result<std::optional<HostedDomain>> active_domain(const Connection& host,
                                                  const std::string& domain) {
  const auto found = host.find(domain);
  if (!found && found.error().code == ErrorCode::kNotFound) return std::optional<HostedDomain>();
  if (!found) return fail(found.error());
  GODWIT_TRY(const DomainState now, host.state_of(found->get()));
  if (!now.active()) return std::optional<HostedDomain>();
  GODWIT_TRY(HostedDomain one, look_at(host, found->get()));
  return std::optional(std::move(one));
}

Error one_machine(std::string_view what) {
  return {
      ErrorCode::kBadInput, fmt::format("{}, by its UUID", what),
      "name different hosts; where different ones have the same UUID (cloned images), give each "
      "its own as host_uuid in libvirtd.conf"};
}

std::optional<Bytes> memory_free(const Connection& host) {
  std::array<virNodeMemoryStats, 16> stats{};
  int count = static_cast<int>(stats.size());
  if (host.api().virNodeGetMemoryStats(host.get(), VIR_NODE_MEMORY_STATS_ALL_CELLS, stats.data(),
                                       &count, 0) != 0) {
    return std::nullopt;
  }
  std::optional<Bytes> free;
  const std::set<std::string_view> usable{VIR_NODE_MEMORY_STATS_FREE, VIR_NODE_MEMORY_STATS_BUFFERS,
                                          VIR_NODE_MEMORY_STATS_CACHED};
  for (int i = 0; i < count; ++i) {
    const virNodeMemoryStats& one = stats[static_cast<std::size_t>(i)];
    const auto size = from_kib(one.value);
    if (usable.contains(one.field) && size) free = capped_sum(free.value_or(Bytes()), *size);
  }
  return free;
}

}  // namespace godwit::libvirt
