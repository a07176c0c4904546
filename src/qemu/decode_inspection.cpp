// The decoders of what only a comparison of both sides asks for.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "checked.h"
#include "decode.h"
#include "godwit/base/json_reader.h"
#include "godwit/qmp/message.h"
#include "godwit/qmp/schema.h"

namespace godwit::qemu {
namespace {

/// Calls `take` with a reader for each object of a list.
template <class Take>
Result<void> for_each(const Json& json, std::string_view question, Take take) {
  if (!json.is_array()) return fail(qmp::unreadable(question, "no list"));
  for (const Json& one : json) {
    JsonReader in(one, std::string(question));
    take(in);
    GODWIT_CHECK_OK(checked(in, question));
  }
  return {};
}

/// Names of features out of "VIRTIO_NET_F_CSUM: Device handles packets with partial checksum", and
/// the bits that QEMU has no name for.
std::set<std::string> features_of(const Json* features) {
  std::set<std::string> names;
  if (features == nullptr || !features->is_object()) return names;
  for (const auto& [group, value] : features->items()) {
    if (value.is_number_unsigned()) {
      for (int bit = 0; bit < 64; ++bit) {
        if ((value.get<std::uint64_t>() >> bit & 1) != 0) {
          names.insert(fmt::format("{} bit {}", group, bit));
        }
      }
    }
    if (!value.is_array()) continue;
    for (const Json& one : value) {
      if (!one.is_string()) continue;
      const auto text = one.get<std::string>();
      names.insert(text.substr(0, text.find(':')));
    }
  }
  return names;
}

/// The named members of an object, those that are there.
std::map<std::string, std::string> some_of(const Json& object,
                                           std::initializer_list<const char*> names) {
  std::map<std::string, std::string> found;
  for (const char* name : names) {
    const auto member = object.find(name);
    if (member != object.end() && !member->is_null()) found[name] = plain_value(*member);
  }
  return found;
}

}  // namespace

Result<std::vector<std::string>> decode_other_capabilities(const Json& json) {
  constexpr std::string_view kQuestion = "query-migrate-capabilities";
  std::vector<std::string> names;
  GODWIT_CHECK_OK(for_each(json, kQuestion, [&](JsonReader& in) {
    std::string name = in.text("capability");
    if (in.boolean("state") && !capability_from_string(name)) names.push_back(std::move(name));
  }));
  return names;
}

Result<std::vector<DiskBitmap>> decode_bitmaps(const Json& json) {
  std::vector<DiskBitmap> found;
  GODWIT_CHECK_OK(for_each(json, "query-block", [&](JsonReader& in) {
    std::string disk = in.text("device");
    if (disk.empty()) disk = in.maybe_text("qdev").value_or("");
    const Json* inserted = in.find("inserted");
    if (inserted == nullptr || !inserted->is_object()) return;
    const auto bitmaps = inserted->find("dirty-bitmaps");
    if (bitmaps == inserted->end() || !bitmaps->is_array()) return;
    for (const Json& bitmap : *bitmaps) {
      JsonReader about(bitmap, "query-block.dirty-bitmaps");
      if (const auto name = about.maybe_text("name")) {
        found.push_back({disk, *name, about.maybe_boolean("persistent").value_or(false)});
      }
      if (about.error()) in.adopt(*about.error());
    }
  }));
  return found;
}

Result<std::vector<QomProperty>> decode_properties(const Json& json) {
  std::vector<QomProperty> properties;
  GODWIT_CHECK_OK(for_each(json, "qom-list", [&](JsonReader& in) {
    properties.push_back({in.text("name"), in.text("type")});
  }));
  return properties;
}

std::optional<std::string> child_type(const QomProperty& property) {
  constexpr std::string_view kChild = "child<";
  const std::string& type = property.type;
  if (type.size() <= kChild.size() || !type.starts_with(kChild)) return std::nullopt;
  return type.substr(kChild.size(), type.size() - kChild.size() - 1);
}

std::string plain_value(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void flatten(const std::string& name, const Json& value, std::map<std::string, std::string>& into) {
  if (!value.is_object()) {
    into[name] = plain_value(value);
    return;
  }
  for (const auto& [member, inner] : value.items()) {
    into[fmt::format("{}.{}", name, member)] = plain_value(inner);
  }
}

Result<std::map<std::string, std::uint64_t>> decode_feature_words(const Json& json) {
  std::map<std::string, std::uint64_t> words;
  GODWIT_CHECK_OK(for_each(json, "feature-words", [&](JsonReader& in) {
    const std::int64_t leaf = in.integer("cpuid-input-eax");
    const auto subleaf = in.maybe_integer("cpuid-input-ecx");
    const std::string where =
        subleaf ? fmt::format("{:x}.{:x}", leaf, *subleaf) : fmt::format("{:x}", leaf);
    words[fmt::format("CPUID {} {}", where, in.text("cpuid-register"))] =
        static_cast<std::uint64_t>(in.integer("features"));
  }));
  return words;
}

Result<std::vector<DeviceShape>> decode_memory_devices(const Json& json) {
  std::vector<DeviceShape> devices;
  GODWIT_CHECK_OK(for_each(json, "query-memory-devices", [&](JsonReader& in) {
    DeviceShape device;
    device.type = in.text("type");
    const Json* data = in.require("data");
    if (data == nullptr || !data->is_object()) return in.reject("data", "is no object");
    device.id = data->value("id", Json()).is_string() ? data->value("id", "") : "";
    // virtio-mem's size and requested-size travel with its state
    device.properties =
        some_of(*data, {"addr", "memaddr", "slot", "node", "max-size", "block-size"});
    const bool may_change = data->contains("requested-size");
    if (!may_change && data->contains("size")) {
      device.properties["size"] = plain_value(data->at("size"));
    }
    for (const char* where : {"slot", "addr", "memaddr"}) {
      const auto found = device.properties.find(where);
      if (found == device.properties.end()) continue;
      device.place = fmt::format("{} {}", where, found->second);
      device.properties.erase(found);
      break;
    }
    devices.push_back(std::move(device));
  }));
  return devices;
}

Result<VcpuPlaces> decode_hotpluggable_cpus(const Json& json) {
  VcpuPlaces places;
  GODWIT_CHECK_OK(for_each(json, "query-hotpluggable-cpus", [&](JsonReader& in) {
    const std::int64_t vcpus = in.integer("vcpus-count");
    places.most += std::clamp<std::int64_t>(vcpus, 0, 1 << 20);
    const Json* where = in.require("props");
    if (!in.maybe_text("qom-path")) return;
    if (where == nullptr || !where->is_object()) return in.reject("props", "is no object");
    DeviceShape vcpu;
    vcpu.type = "vCPU";  // of what model, CpuShape tells
    for (const auto& [name, value] : where->items()) {
      if (name == "node-id") {  // a setting, and no address
        vcpu.properties[name] = plain_value(value);
        continue;
      }
      const char* gap = vcpu.place.empty() ? "" : ", ";
      vcpu.place += fmt::format("{}{} {}", gap, name, plain_value(value));
    }
    places.present.push_back(std::move(vcpu));
  }));
  return places;
}

Result<std::vector<VirtioPath>> decode_virtio_paths(const Json& json) {
  std::vector<VirtioPath> paths;
  GODWIT_CHECK_OK(for_each(json, "x-query-virtio", [&](JsonReader& in) {
    paths.push_back({in.text("name"), in.text("path")});
  }));
  return paths;
}

Result<VirtioShape> decode_virtio_status(const Json& json) {
  JsonReader in(json, "x-query-virtio-status");
  VirtioShape device;
  device.offered = features_of(in.find("host-features"));
  device.taken = features_of(in.find("guest-features"));
  GODWIT_CHECK_OK(checked(in, "x-query-virtio-status"));
  return device;
}

}  // namespace godwit::qemu
