#include "godwit/libvirt/domain_xml.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <pugixml.hpp>
#include <sstream>
#include <utility>

#include "godwit/base/proc_file.h"

namespace godwit::libvirt {
namespace {

/// libvirt's units of sizes (virScaleInteger): decimal ones end in B, binary ones in iB or nothing.
std::optional<std::int64_t> bytes_in(std::string_view unit) {
  static constexpr std::array<std::pair<std::string_view, std::int64_t>, 16> kUnits{{
      {"b", 1},
      {"bytes", 1},
      {"KB", 1000},
      {"", 1024},  // where none is given
      {"k", 1024},
      {"KiB", 1024},
      {"MB", 1000'000},
      {"M", 1024 * 1024},
      {"MiB", 1024 * 1024},
      {"GB", 1000'000'000},
      {"G", 1024 * 1024 * 1024},
      {"GiB", 1024 * 1024 * 1024},
      {"TB", 1000'000'000'000},
      {"T", std::int64_t{1} << 40},
      {"TiB", std::int64_t{1} << 40},
      {"PiB", std::int64_t{1} << 50},
  }};
  for (const auto& [name, bytes] : kUnits) {
    if (name == unit) return bytes;
  }
  return std::nullopt;
}

Bytes size_of(std::string_view number, std::string_view unit) {
  const auto count = natural_number(number);
  const auto scale = bytes_in(unit);
  if (!count || !scale || *count > kMostBytes.count() / *scale) return {};
  return Bytes(*count * *scale);
}

Bytes size_of(const pugi::xml_node& node) {
  return size_of(node.text().get(), node.attribute("unit").value());
}

/// Where its contents are, as a person would name it.
std::string place_of(const pugi::xml_node& source) {
  for (const char* name : {"file", "dev", "volume"}) {
    if (const auto attribute = source.attribute(name)) return attribute.value();
  }
  const auto protocol = source.attribute("protocol");
  return protocol ? fmt::format("{}:{}", protocol.value(), source.attribute("name").value()) : "";
}

DomainDisk disk_of(const pugi::xml_node& node) {
  DomainDisk one;
  one.type = node.attribute("type").value();
  one.disk.device = node.child("target").attribute("dev").value();
  one.disk.file = place_of(node.child("source"));
  one.disk.format = node.child("driver").attribute("type").value();
  one.disk.writable = !node.child("readonly");
  one.disk.has_backing = static_cast<bool>(node.child("backingStore").child("source"));
  one.shareable = static_cast<bool>(node.child("shareable"));
  return one;
}

/// What is plugged counts in <memory>, and has a block of its own.
void take_memory(const pugi::xml_node& domain, DomainFacts& facts) {
  facts.memory = size_of(domain.child("memory"));
  Bytes plugged;
  std::vector<Bytes> modules;
  for (const auto& module : domain.child("devices").children("memory")) {
    modules.push_back(size_of(module.child("target").child("size")));
    plugged = capped_sum(plugged, modules.back());
  }
  for (const auto& cell : domain.child("cpu").child("numa").children("cell")) {
    facts.memory_blocks.push_back(
        size_of(cell.attribute("memory").value(), cell.attribute("unit").value()));
  }
  if (facts.memory_blocks.empty() && plugged < facts.memory) {
    facts.memory_blocks.push_back(facts.memory - plugged);
  }
  facts.memory_blocks.insert(facts.memory_blocks.end(), modules.begin(), modules.end());
}

void take_devices(const pugi::xml_node& devices, DomainFacts& facts) {
  facts.emulator = devices.child("emulator").text().get();
  for (const auto& disk : devices.children("disk")) facts.disks.push_back(disk_of(disk));
  for (const auto& interface : devices.children("interface")) {
    const std::string_view type = interface.attribute("type").value();
    if (type == "network") {
      facts.networks.emplace_back(interface.child("source").attribute("network").value());
    } else if (type == "hostdev") {
      facts.host_devices.emplace_back("pci (a network interface)");
    }
  }
  for (const auto& device : devices.children("hostdev")) {
    facts.host_devices.emplace_back(device.attribute("type").value());
  }
  for (const auto& folder : devices.children("filesystem")) {
    const std::string_view driver = folder.child("driver").attribute("type").value();
    if (driver != "virtiofs") {
      facts.host_folders.emplace_back(folder.child("target").attribute("dir").value());
    }
  }
}

std::string text_of(const pugi::xml_node& node) {
  std::ostringstream text;
  if (node) node.print(text, "", pugi::format_raw);
  return text.str();
}

}  // namespace

Result<DomainFacts> parse_domain(std::string_view xml) {
  pugi::xml_document document;
  const auto parsed = document.load_buffer(xml.data(), xml.size());
  const auto domain = document.child("domain");
  if (!parsed || !domain) {
    return fail(ErrorCode::kCorrupt, fmt::format("libvirt's description of the domain is none: {}",
                                                 parsed ? "no <domain>" : parsed.description()));
  }
  DomainFacts facts;
  facts.type = domain.attribute("type").value();
  facts.name = domain.child("name").text().get();
  facts.uuid = domain.child("uuid").text().get();
  const auto type = domain.child("os").child("type");
  facts.arch = type.attribute("arch").value();
  facts.machine = type.attribute("machine").value();
  const auto cpu = domain.child("cpu");
  facts.cpu = text_of(cpu);
  facts.cpu_model = cpu.child("model").text().get();
  if (facts.cpu_model.empty()) facts.cpu_model = cpu.attribute("mode").value();
  const auto vcpu = domain.child("vcpu");
  const auto online = vcpu.attribute("current");
  facts.vcpus = online ? online.as_int() : vcpu.text().as_int();
  take_memory(domain, facts);
  take_devices(domain.child("devices"), facts);
  return facts;
}

std::string host_uuid_of(std::string_view capabilities) {
  pugi::xml_document document;
  if (!document.load_buffer(capabilities.data(), capabilities.size())) return "";
  return document.child("capabilities").child("host").child("uuid").text().get();
}

}  // namespace godwit::libvirt
