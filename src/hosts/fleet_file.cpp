#include "godwit/hosts/fleet_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "godwit/base/quantity.h"
#include "godwit/config/toml.h"
#include "godwit/domain/address.h"
#include "godwit/schedule/paths.h"

namespace godwit::hosts {
namespace {

using config::quantity;

constexpr const char* kManual = "docs/evacuating.md describes what a fleet's file may say";
constexpr std::int64_t kMostVcpus = 1'000'000;
constexpr std::size_t kMostArguments = 100;

Error bad(const toml::node& node, std::string message, std::string what_to_do) {
  return config::at_line(node, {ErrorCode::kBadInput, std::move(message), std::move(what_to_do)});
}

Result<std::optional<int>> vcpus_of(const toml::table& table) {
  const toml::node* const node = table.get("vcpus");
  if (node == nullptr) return std::optional<int>();
  GODWIT_TRY(const std::int64_t count, config::toml_integer(*node, 0, kMostVcpus));
  return std::optional(static_cast<int>(count));
}

Result<const toml::table*> table_of(const toml::node& node) {
  if (const toml::table* const table = node.as_table()) return table;
  return fail(bad(node, "this must be a section", kManual));
}

/// A text that must be there, in a section.
Result<std::string> text_in(const toml::table& table, std::string_view key) {
  const toml::node* const node = table.get(key);
  if (node == nullptr) {
    return fail(bad(table, "'" + std::string(key) + "' is missing here", kManual));
  }
  return config::toml_text(*node);
}

Result<std::vector<std::string>> command_of(const toml::table& file, std::string_view key) {
  std::vector<std::string> command;
  const toml::node* const node = file.get(key);
  if (node == nullptr) return command;
  const toml::array* const list = node->as_array();
  if (list == nullptr || list->empty() || list->size() > kMostArguments) {
    return fail(bad(*node, "a command must be a list: the program, then its arguments",
                    R"(write it like ["/usr/local/bin/start-destination", "{vm}", "{host}"])"));
  }
  for (const toml::node& word : *list) {
    GODWIT_TRY(std::string text, config::toml_text(word));
    command.push_back(std::move(text));
  }
  return command;
}

class Reader {
 public:
  Reader(const toml::table& file, FleetUse use) : file_(file), use_(use) {}

  Result<FleetFile> read() {
    GODWIT_CHECK_OK(
        config::check_keys(file_, {"link", "start", "end", "hosts", "vms", "uplinks"}, kManual));
    GODWIT_TRY(link_, quantity(file_, "link", parse_rate));
    GODWIT_TRY(fleet_.start, command_of(file_, "start"));
    GODWIT_TRY(fleet_.end, command_of(file_, "end"));
    GODWIT_TRY(const toml::table* const hosts, config::section(file_, "hosts"));
    for (const auto& [key, node] : *hosts) GODWIT_CHECK_OK(read_host(key, node));
    GODWIT_CHECK_OK(read_uplinks());
    if (use_ == FleetUse::kReal && !fleet_.uris.empty()) {
      GODWIT_CHECK_OK(check_libvirts());
    } else {
      GODWIT_CHECK_OK(read_vms());
    }
    GODWIT_CHECK_OK(schedule::Paths::of(fleet_.network));
    return std::move(fleet_);
  }

 private:
  /// libvirt knows the VMs, and starts and ends their QEMUs.
  Result<void> check_libvirts() {
    for (const fleet::FleetHost& host : fleet_.hosts) {
      if (!fleet_.uris.contains(host.name)) {
        return fail(ErrorCode::kBadInput,
                    fmt::format("host {} has no uri, as others have", host.name),
                    R"(add its daemon: uri = "qemu+ssh://root@HOST/system")");
      }
    }
    for (const char* key : {"start", "end", "vms"}) {
      if (const toml::node* const node = file_.get(key)) {
        return fail(bad(*node, fmt::format("'{}' means nothing where hosts have a uri", key),
                        "take it out: libvirt knows the VMs, and starts and ends their QEMUs"));
      }
    }
    return {};
  }

  Result<void> read_vms() {
    if (fleet_.start.empty() && use_ == FleetUse::kReal) {
      return fail(
          ErrorCode::kBadInput, "the key 'start' is missing",
          R"(add how a destination is started: start = ["PROGRAM", "{vm}", "{host}"]; or a )"
          R"(uri to each host of libvirt's)");
    }
    GODWIT_TRY(const toml::table* const vms, config::section(file_, "vms"));
    for (const auto& [key, node] : *vms) GODWIT_CHECK_OK(read_vm(key, node));
    return {};
  }

  Result<void> read_uri(const toml::table& table, const std::string& host) {
    const toml::node* const node = table.get("uri");
    if (node == nullptr) return {};
    GODWIT_TRY(const std::string uri, config::toml_text(*node));
    if (const auto known = parse_destination("libvirt:" + uri); !known) {
      return fail(bad(*node, known.error().message, "write it as virsh takes it"));
    }
    for (const auto& [other, its] : fleet_.uris) {
      if (its == uri)
        return fail(bad(*node, "host " + other + " has the same uri", "give each its own"));
    }
    fleet_.uris[host] = uri;
    return {};
  }

  Result<void> read_host(const toml::key& key, const toml::node& node) {
    GODWIT_TRY(const toml::table* const table, table_of(node));
    GODWIT_CHECK_OK(
        config::check_keys(*table, {"memory", "vcpus", "link", "switch", "uri"}, kManual));
    fleet::FleetHost host{std::string(key.str())};
    GODWIT_TRY(host.memory, quantity(*table, "memory", parse_bytes));
    GODWIT_TRY(host.vcpus, vcpus_of(*table));
    GODWIT_TRY(const auto own, quantity(*table, "link", parse_rate));
    if (!own && !link_) {
      return fail(bad(node, "nobody says how fast host " + host.name + "'s link is",
                      "add link = \"1Gbit/s\" here, or at the file's beginning for all hosts"));
    }
    std::string at = "switch";
    if (table->get("switch") != nullptr) {
      GODWIT_TRY(at, text_in(*table, "switch"));
    }
    GODWIT_CHECK_OK(read_uri(*table, host.name));
    const BytesPerSecond rate = own ? *own : *link_;
    fleet_.network.hosts.push_back({host.name, at, rate, rate});
    fleet_.hosts.push_back(std::move(host));
    return {};
  }

  Result<void> read_uplinks() {
    const toml::node* const node = file_.get("uplinks");
    if (node == nullptr) return {};
    const toml::array* const list = node->as_array();
    if (list == nullptr) return fail(bad(*node, "'uplinks' must be a list", "write [[uplinks]]"));
    for (const toml::node& one : *list) {
      GODWIT_TRY(const toml::table* const table, table_of(one));
      GODWIT_CHECK_OK(config::check_keys(*table, {"from", "to", "link"}, kManual));
      Uplink uplink;
      GODWIT_TRY(uplink.from, text_in(*table, "from"));
      GODWIT_TRY(uplink.to, text_in(*table, "to"));
      GODWIT_CHECK_OK(text_in(*table, "link"));
      GODWIT_TRY(const auto rate, quantity(*table, "link", parse_rate));
      uplink.forward = uplink.backward = *rate;
      fleet_.network.uplinks.push_back(std::move(uplink));
    }
    return {};
  }

  Result<void> read_vm(const toml::key& key, const toml::node& node) {
    GODWIT_TRY(const toml::table* const table, table_of(node));
    GODWIT_CHECK_OK(config::check_keys(
        *table, {"host", "qmp", "memory", "vcpus", "dirty", "working_set"}, kManual));
    ListedVm vm;
    GODWIT_TRY(vm.host, text_in(*table, "host"));
    GODWIT_TRY(vm.memory, quantity(*table, "memory", parse_bytes));
    GODWIT_TRY(vm.vcpus, vcpus_of(*table));
    if (use_ == FleetUse::kReal) {
      GODWIT_TRY(vm.monitor, text_in(*table, "qmp"));
    } else {
      GODWIT_TRY(vm.load, load_in(*table, vm.memory));
    }
    const bool listed =
        std::any_of(fleet_.hosts.begin(), fleet_.hosts.end(),
                    [&vm](const fleet::FleetHost& host) { return host.name == vm.host; });
    if (!listed) {
      return fail(bad(node, "it is on host " + vm.host + ", which is not listed",
                      "add [hosts." + vm.host + "]"));
    }
    for (const auto& [name, other] : fleet_.vms) {
      if (!vm.monitor.empty() && other.monitor == vm.monitor) {
        return fail(bad(node, "VM " + name + " has the same QMP socket", "give each its own"));
      }
    }
    fleet_.vms[std::string(key.str())] = std::move(vm);
    return {};
  }

  static Result<SimulatedLoad> load_in(const toml::table& table, std::optional<Bytes> memory) {
    GODWIT_TRY(const auto dirty, quantity(table, "dirty", parse_rate));
    GODWIT_TRY(const auto set, quantity(table, "working_set", parse_bytes));
    if (!memory) {
      return fail(bad(table, "nobody says how much memory it has", "add memory = \"4GiB\""));
    }
    if (set.value_or(*memory) > *memory) {
      return fail(bad(table, "its working set is larger than its memory", "lower working_set"));
    }
    return SimulatedLoad{dirty.value_or(BytesPerSecond()), set.value_or(*memory)};
  }

  const toml::table& file_;
  FleetUse use_;
  std::optional<BytesPerSecond> link_;
  FleetFile fleet_;
};

}  // namespace

Result<FleetFile> parse_fleet_file(std::string_view text, FleetUse use) {
  GODWIT_TRY(const toml::table file, config::parse_toml(text));
  return Reader(file, use).read();
}

namespace {

std::string quoted(const std::string& text) {
  return "\"" + text + "\"";
}

/// In the largest unit of which it is a whole number.
std::string rate_text(BytesPerSecond rate) {
  for (const auto& [unit, size] : {std::pair("Gbit/s", 125e6), std::pair("Mbit/s", 125e3),
                                   std::pair("kB/s", 1e3), std::pair("B/s", 1.0)}) {
    const double count = rate.value() / size;
    if (count >= 1 && count == std::floor(count))
      return quoted(fmt::format("{:.0f}{}", count, unit));
  }
  return quoted(fmt::format("{:.6f}B/s", rate.value()));
}

std::string size_text(Bytes size) {
  constexpr std::int64_t kMib = 1 << 20;
  const bool whole = size.count() % kMib == 0;
  return quoted(whole ? fmt::format("{}MiB", size.count() / kMib)
                      : fmt::format("{}B", size.count()));
}

std::string vm_text(const std::string& name, const ListedVm& vm) {
  std::string text = fmt::format("\n[vms.{}]\nhost = {}\n", quoted(name), quoted(vm.host));
  if (!vm.monitor.empty()) text += fmt::format("qmp = {}\n", quoted(vm.monitor));
  if (vm.memory) text += fmt::format("memory = {}\n", size_text(*vm.memory));
  if (vm.vcpus) text += fmt::format("vcpus = {}\n", *vm.vcpus);
  if (vm.load && vm.load->dirty.value() > 0) {
    text += fmt::format("dirty = {}\nworking_set = {}\n", rate_text(vm.load->dirty),
                        size_text(vm.load->working_set));
  }
  return text;
}

}  // namespace

std::string to_toml(const FleetFile& fleet) {
  std::string text;
  for (std::size_t i = 0; i < fleet.hosts.size(); ++i) {
    const fleet::FleetHost& host = fleet.hosts[i];
    const NetworkHost& plug = fleet.network.hosts[i];
    text += fmt::format("{}[hosts.{}]\n", text.empty() ? "" : "\n", quoted(host.name));
    if (host.memory) text += fmt::format("memory = {}\n", size_text(*host.memory));
    if (host.vcpus) text += fmt::format("vcpus = {}\n", *host.vcpus);
    text += fmt::format("link = {}\nswitch = {}\n", rate_text(plug.egress), quoted(plug.at));
    const auto uri = fleet.uris.find(host.name);
    if (uri != fleet.uris.end()) text += fmt::format("uri = {}\n", quoted(uri->second));
  }
  for (const auto& [name, vm] : fleet.vms) text += vm_text(name, vm);
  for (const Uplink& uplink : fleet.network.uplinks) {
    text += fmt::format("\n[[uplinks]]\nfrom = {}\nto = {}\nlink = {}\n", quoted(uplink.from),
                        quoted(uplink.to), rate_text(uplink.forward));
  }
  return text;
}

std::string name_of_uri(const std::string& uri) {
  return host_of_uri(uri).value_or(uri);
}

Result<FleetFile> hosts_of(const std::vector<std::string>& uris, BytesPerSecond link) {
  FleetFile fleet;
  for (const std::string& uri : uris) {
    const std::string name = name_of_uri(uri);
    const auto [other, fresh] = fleet.uris.try_emplace(name, uri);
    if (!fresh) {
      return fail(ErrorCode::kBadInput,
                  other->second == uri
                      ? fmt::format("host {} is named twice", uri)
                      : fmt::format("{} and {} would both be host {}", other->second, uri, name),
                  "name each host once; where two are on one machine, name them in a fleet's file");
    }
    fleet.hosts.push_back({name});
    fleet.network.hosts.push_back({name, "switch", link, link});
  }
  return fleet;
}

std::vector<std::string> filled(const std::vector<std::string>& command, const std::string& vm,
                                const std::string& host) {
  const std::array<std::pair<std::string_view, const std::string*>, 2> holes{
      {{"{vm}", &vm}, {"{host}", &host}}};
  std::vector<std::string> words;
  for (const std::string& word : command) {
    std::string text;
    for (std::size_t at = 0; at < word.size();) {
      const auto hole = std::find_if(holes.begin(), holes.end(), [&](const auto& one) {
        return word.compare(at, one.first.size(), one.first) == 0;
      });
      text += hole == holes.end() ? std::string(1, word[at]) : *hole->second;
      at += hole == holes.end() ? 1 : hole->first.size();
    }
    words.push_back(std::move(text));
  }
  return words;
}

}  // namespace godwit::hosts
