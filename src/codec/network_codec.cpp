#include "godwit/codec/network_codec.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "godwit/base/json_reader.h"

namespace godwit {

Json to_json(const Network& network) {
  Json hosts = Json::array();
  for (const NetworkHost& host : network.hosts) {
    hosts.push_back({{"name", host.name},
                     {"at", host.at},
                     {"egress_bytes_per_s", host.egress.value()},
                     {"ingress_bytes_per_s", host.ingress.value()}});
  }
  Json uplinks = Json::array();
  for (const Uplink& uplink : network.uplinks) {
    uplinks.push_back({{"from", uplink.from},
                       {"to", uplink.to},
                       {"forward_bytes_per_s", uplink.forward.value()},
                       {"backward_bytes_per_s", uplink.backward.value()}});
  }
  Json switches = Json::array();
  for (const SwitchCapacity& limit : network.switches) {
    switches.push_back({{"name", limit.name}, {"capacity_bytes_per_s", limit.capacity.value()}});
  }
  return Json{{"hosts", std::move(hosts)},
              {"uplinks", std::move(uplinks)},
              {"switches", std::move(switches)}};
}

namespace {

Result<NetworkHost> host_from_json(const Json& json, std::string path) {
  JsonReader in(json, std::move(path));
  NetworkHost host;
  host.name = in.text("name");
  host.at = in.maybe_text("at").value_or("");
  host.egress = in.rate("egress_bytes_per_s");
  host.ingress = in.rate("ingress_bytes_per_s");
  if (in.error()) return fail(*in.error());
  return host;
}

Result<Uplink> uplink_from_json(const Json& json, std::string path) {
  JsonReader in(json, std::move(path));
  Uplink uplink;
  uplink.from = in.text("from");
  uplink.to = in.text("to");
  uplink.forward = in.rate("forward_bytes_per_s");
  uplink.backward = in.rate("backward_bytes_per_s");
  if (in.error()) return fail(*in.error());
  return uplink;
}

Result<SwitchCapacity> switch_from_json(const Json& json, std::string path) {
  JsonReader in(json, std::move(path));
  SwitchCapacity limit;
  limit.name = in.text("name");
  limit.capacity = in.rate("capacity_bytes_per_s");
  if (in.error()) return fail(*in.error());
  return limit;
}

template <class T>
Result<std::vector<T>> all_from_json(const Json& array, const std::string& name,
                                     Result<T> (*read)(const Json&, std::string)) {
  std::vector<T> all;
  for (std::size_t i = 0; i < array.size(); ++i) {
    GODWIT_TRY(T one, read(array[i], fmt::format("{}[{}]", name, i)));
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

Result<Network> network_from_json(const Json& json) {
  JsonReader in(json, "network");
  Network network;
  const Json* const hosts = in.array("hosts");
  const Json* const uplinks = in.find("uplinks");
  const Json* const switches = in.find("switches");
  if (uplinks != nullptr && !uplinks->is_array()) in.reject("uplinks", "is no list");
  if (switches != nullptr && !switches->is_array()) in.reject("switches", "is no list");
  if (in.error()) return fail(*in.error());
  GODWIT_TRY(network.hosts, all_from_json<NetworkHost>(*hosts, "hosts", host_from_json));
  if (uplinks != nullptr) {
    GODWIT_TRY(network.uplinks, all_from_json<Uplink>(*uplinks, "uplinks", uplink_from_json));
  }
  if (switches != nullptr) {
    GODWIT_TRY(network.switches,
               all_from_json<SwitchCapacity>(*switches, "switches", switch_from_json));
  }
  return network;
}

}  // namespace godwit
