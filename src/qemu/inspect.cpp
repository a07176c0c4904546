// The part of QmpHypervisor that finds out what both sides of a migration must have in common.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "decode.h"
#include "decode_sharing.h"
#include "godwit/base/json_reader.h"
#include "godwit/base/log.h"
#include "godwit/hmp/qtree.h"
#include "godwit/qemu/qmp_hypervisor.h"
#include "godwit/qmp/message.h"

namespace godwit::qemu {
namespace {

constexpr std::size_t kMostPciLevels = 32;

bool refused(const Error& error) {
  return error.code == ErrorCode::kRefused || error.code == ErrorCode::kUnsupported;
}

Result<std::string> text_of(const Json& json, std::string_view question) {
  if (!json.is_string()) return fail(qmp::unreadable(question, "no text"));
  return json.get<std::string>();
}

/// Newer ones were never tried, or die of it with their guest: QEMU 11.1.3 fills in no
/// backend-features, which it then asserts.
bool answers_virtio_status(const Version& version) {
  return version.major < 10 || (version.major == 10 && version.minor == 0);
}

/// QEMU ends itself when it is asked of a device whose vhost backend runs and whose class does not
/// tell of it (get_vhost), or whose virtio id was not compiled in. Those of QEMU's own have
/// neither, or are known: virtio-net and virtio-crypto tell of their backends since there is the
/// question. So do virtio-fs and vsock. vhost-user-blk does too, but its id goes with virtio-blk's.
bool answers_virtio_status(const std::string& type) {
  static const std::set<std::string, std::less<>> kOthers{
      "virtio-mem", "virtio-pmem", "vhost-user-fs-device", "vhost-vsock-device"};
  return (type.starts_with("virtio-") && type.ends_with("-device")) || kOthers.contains(type);
}

/// Types of properties with a value that can be compared. Links, parts and clocks are none.
bool is_scalar(const std::string& type) {
  static const std::set<std::string, std::less<>> kTypes{
      "bool",   "OnOffAuto", "str",     "string",   "size",     "int",
      "int8",   "int16",     "int32",   "int64",    "uint8",    "uint16",
      "uint32", "uint64",    "uint8_t", "uint16_t", "uint32_t", "uint64_t"};
  return kTypes.contains(type);
}

/// What two hosts may differ in: files, the host's memory, what is only read at the start.
bool is_of_the_host(const std::string& machine_property) {
  static const std::set<std::string, std::less<>> kNames{
      "type", "kernel", "initrd", "append", "shim", "dtb", "dumpdtb", "dt-compatible", "firmware",
      "phandle-start", "memory-encryption", "dump-guest-core", "mem-merge", "aux-ram-share",
      "suppress-vmdesc", "enforce-config-section", "pcspk-audiodev", "audiodev", "loadparm",
      "bus-lock-ratelimit", "kvm-shadow-mem", "kernel-irqchip", "accel", "memory-backend",
      // drives of flash, by their names here
      "pflash0", "pflash1",
      // their devices are compared
      "usb", "graphics",
      // so are the vCPUs that are there now: some may have been plugged in since
      "smp.cpus"};
  return kNames.contains(machine_property);
}

/// Of a CPU, beside its features.
bool tells_cpus_apart(const QomProperty& property) {
  constexpr std::array<std::string_view, 8> kNames{"family", "model",  "stepping", "vendor",
                                                   "level",  "xlevel", "xlevel2",  "phys-bits"};
  const bool hyper_v = property.name.starts_with("hv-") && property.type != "bool";
  return hyper_v || std::find(kNames.begin(), kNames.end(), property.name) != kNames.end();
}

/// Is it a feature of a CPU? What a user wants of QEMU (to check, to fill in from the host) is
/// none, nor are caches' descriptions and QEMU's own compatibility switches.
bool is_cpu_feature(const QomProperty& property) {
  static const std::set<std::string, std::less<>> kNone{"realized",
                                                        "hotplugged",
                                                        "hotpluggable",
                                                        "start-powered-off",
                                                        "check",
                                                        "enforce",
                                                        "migratable",
                                                        "host-phys-bits",
                                                        "full-cpuid-auto-level",
                                                        "fill-mtrr-mask",
                                                        "tcg-cpuid",
                                                        "legacy-cache",
                                                        "host-cache-info",
                                                        "l3-cache",
                                                        "hv-passthrough",
                                                        "hv-enforce-cpuid",
                                                        "kvm-pv-enforce-cpuid"};
  // "sse4_1" and "sse4.1" are other names of "sse4-1"
  return property.type == "bool" && property.name.find_first_of("_.") == std::string::npos &&
         !property.name.starts_with("x-") && !kNone.contains(property.name);
}

/// Features of x86 that no word of CPUID shows: those of MSRs, and those that QEMU makes of more
/// than one bit.
bool has_no_word(const std::string& feature) {
  static const std::set<std::string, std::less<>> kNames{
      "pmu", "lmce", "kvm", "vmware-cpuid-freq", "xen-vapic", "split-lock-detect",
      "full-width-write",
      // IA32_ARCH_CAPABILITIES
      "rdctl-no", "ibrs-all", "rsba", "skip-l1dfl-vmentry", "ssb-no", "mds-no", "pschange-mc-no",
      "tsx-ctrl", "taa-no", "sbdr-ssdp-no", "fbsdp-no", "psdp-no", "fb-clear", "bhi-no", "pbrsb-no",
      "gds-no", "rfds-no", "rfds-clear", "its-no"};
  return feature.starts_with("hv-") || feature.starts_with("vmx-") || kNames.contains(feature);
}

/// VMX's own are all off where it is.
bool has_vmx(const CpuShape& cpu) {
  const auto word = cpu.words.find("CPUID 1 ECX");
  return word == cpu.words.end() || (word->second >> 5 & 1) != 0;
}

}  // namespace

/// Nothing where this QEMU does not know the command, or has nothing to say to it.
Result<std::optional<Json>> QmpHypervisor::ask_if_there(std::string_view command,
                                                        const Json& arguments) {
  auto answer = ask(command, arguments);
  if (answer) return std::optional<Json>(std::move(*answer));
  if (refused(answer.error())) return std::optional<Json>();
  return fail(answer.error());
}

Result<std::optional<Json>> QmpHypervisor::qom_value(const std::string& path,
                                                     std::string_view property) {
  return ask_if_there("qom-get", Json{{"path", path}, {"property", property}});
}

/// Empty where there is no such object.
Result<std::vector<QomProperty>> QmpHypervisor::qom_properties(const std::string& path) {
  GODWIT_TRY(const auto listed, ask_if_there("qom-list", Json{{"path", path}}));
  if (!listed) return std::vector<QomProperty>();
  return decode_properties(*listed);
}

Result<std::string> QmpHypervisor::qom_type(const std::string& path) {
  GODWIT_TRY(const Json type, ask("qom-get", Json{{"path", path}, {"property", "type"}}));
  return text_of(type, "qom-get");
}

Result<std::string> QmpHypervisor::ask_human(const std::string& line) {
  GODWIT_TRY(const Json json, ask("human-monitor-command", Json{{"command-line", line}}));
  return text_of(json, line);
}

Result<Inspection> QmpHypervisor::inspect() {
  Inspection found;
  GODWIT_TRY(found.machine, machine_properties());
  GODWIT_CHECK_OK(inspect_devices(found));
  GODWIT_CHECK_OK(inspect_memory_and_vcpus(found));
  std::sort(found.devices.begin(), found.devices.end(), [](const auto& a, const auto& b) {
    return std::tie(a.place, a.type) < std::tie(b.place, b.type);
  });
  GODWIT_TRY(found.virtio, virtio_devices());
  GODWIT_TRY(found.cpu, inspect_cpu());
  GODWIT_CHECK_OK(inspect_settings(found));
  return found;
}

Result<std::map<std::string, std::string>> QmpHypervisor::machine_properties() {
  const std::string machine = "/machine";
  std::map<std::string, std::string> values;
  GODWIT_TRY(const auto properties, qom_properties(machine));
  for (const QomProperty& property : properties) {
    // structs since QEMU 7.1; what they hold cannot be seen before
    const bool is_struct = property.name == "smp" || property.name == "memory";
    if (!is_struct && (!is_scalar(property.type) || is_of_the_host(property.name))) continue;
    GODWIT_TRY(const auto value, qom_value(machine, property.name));
    if (value) flatten(property.name, *value, values);
  }
  std::erase_if(values, [](const auto& value) { return is_of_the_host(value.first); });
  return values;
}

Result<void> QmpHypervisor::inspect_devices(Inspection& found) {
  GODWIT_TRY(const std::string text, ask_human("info qtree"));
  GODWIT_TRY(found.devices, hmp::parse_qtree(text));
  GODWIT_TRY(auto others, devices_without_a_bus(found.devices));
  std::move(others.begin(), others.end(), std::back_inserter(found.devices));
  GODWIT_TRY(const auto memory, ask_if_there("query-memory-devices"));
  if (!memory) return {};
  GODWIT_TRY(auto modules, decode_memory_devices(*memory));
  std::move(modules.begin(), modules.end(), std::back_inserter(found.devices));
  return {};
}

/// Devices that somebody asked for and that no bus shows (vmgenid, tpm-crb): there is one of a
/// kind. A type has a bus always or never. Memory modules and vCPUs are asked for elsewhere.
Result<std::vector<DeviceShape>> QmpHypervisor::devices_without_a_bus(
    const std::vector<DeviceShape>& on_buses) {
  std::set<std::string> have_one{"pc-dimm", "nvdimm"};
  for (const DeviceShape& device : on_buses) have_one.insert(device.type);
  std::vector<DeviceShape> found;
  for (const char* folder : {"/machine/peripheral", "/machine/peripheral-anon"}) {
    GODWIT_TRY(const auto properties, qom_properties(folder));
    for (const QomProperty& property : properties) {
      const auto type = child_type(property);
      if (!type || have_one.contains(*type) || type->ends_with("-cpu")) continue;
      found.push_back({*type, "no bus", "", {}});
    }
  }
  return found;
}

Result<void> QmpHypervisor::inspect_memory_and_vcpus(Inspection& found) {
  GODWIT_TRY(const std::string text, ask_human("info ramblock"));
  GODWIT_TRY(const auto blocks, hmp::parse_ramblock(text));
  for (const hmp::RamBlockLine& block : blocks) {
    if (!block.name.empty()) found.ram_blocks[block.name] = block.most;
  }
  GODWIT_TRY(const Json memory, ask("query-memory-size-summary"));
  JsonReader sizes(memory, "query-memory-size-summary");
  found.base_memory = sizes.bytes("base-memory");
  if (sizes.error()) return fail(qmp::unreadable("its memory", sizes.error()->message));
  GODWIT_TRY(const auto vcpus, ask_if_there("query-hotpluggable-cpus"));
  if (!vcpus) return {};
  GODWIT_TRY(auto places, decode_hotpluggable_cpus(*vcpus));
  std::move(places.present.begin(), places.present.end(), std::back_inserter(found.devices));
  found.machine.emplace("smp.maxcpus", std::to_string(places.most));
  return {};
}

Result<std::string> QmpHypervisor::first_vcpu() {
  GODWIT_TRY(const Json cpus, ask("query-cpus-fast"));
  GODWIT_TRY(const Vcpus vcpus, decode_vcpus(cpus));
  return vcpus.first_path;
}

Result<CpuShape> QmpHypervisor::inspect_cpu() {
  CpuShape cpu;
  GODWIT_TRY(const std::string path, first_vcpu());
  if (path.empty()) return cpu;
  GODWIT_TRY(const auto words, qom_value(path, "feature-words"));
  if (words) {
    GODWIT_TRY(cpu.words, decode_feature_words(*words));
  }
  GODWIT_TRY(const auto properties, qom_properties(path));
  const bool vmx = has_vmx(cpu);
  std::vector<std::string> features;
  for (const QomProperty& property : properties) {
    const bool shown = words && !has_no_word(property.name);
    const bool off = !vmx && property.name.starts_with("vmx-");
    if (is_cpu_feature(property) && !shown && !off) features.push_back(property.name);
    if (!is_scalar(property.type) || !tells_cpus_apart(property)) continue;
    GODWIT_TRY(const auto value, qom_value(path, property.name));
    if (value) cpu.properties[property.name] = plain_value(*value);
  }
  GODWIT_TRY(cpu.features, yes_or_no(path, features));
  return cpu;
}

Result<std::map<std::string, bool>> QmpHypervisor::yes_or_no(
    const std::string& path, const std::vector<std::string>& properties) {
  std::map<std::string, bool> answers;
  for (const std::string& property : properties) {
    GODWIT_TRY(const auto value, qom_value(path, property));
    if (value && value->is_boolean()) answers[property] = value->get<bool>();
  }
  return answers;
}

Result<std::map<std::string, bool>> QmpHypervisor::cpu_features() {
  GODWIT_TRY(const std::string path, first_vcpu());
  if (path.empty()) return std::map<std::string, bool>();
  GODWIT_TRY(const auto properties, qom_properties(path));
  std::vector<std::string> features;
  for (const QomProperty& property : properties) {
    if (is_cpu_feature(property)) features.push_back(property.name);
  }
  return yes_or_no(path, features);
}

/// Experimental commands: where they are missing, switched off or were never tried, nothing is
/// compared by them.
Result<std::vector<VirtioShape>> QmpHypervisor::virtio_devices() {
  std::vector<VirtioShape> devices;
  if (schema_.find("x-query-virtio") == nullptr) return devices;
  GODWIT_TRY(const Json about, ask("query-version"));
  GODWIT_TRY(const Version version, decode_version(about));
  if (!answers_virtio_status(version)) return devices;
  GODWIT_TRY(const auto listed, ask_if_there("x-query-virtio"));
  if (!listed) return devices;
  GODWIT_TRY(const auto paths, decode_virtio_paths(*listed));
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const VirtioPath& one = paths[i];
    GODWIT_TRY(const auto type, qom_value(one.path, "type"));
    if (!type || !type->is_string() || !answers_virtio_status(type->get<std::string>())) continue;
    GODWIT_TRY(const auto status, ask_if_there("x-query-virtio-status", Json{{"path", one.path}}));
    if (!status) continue;
    GODWIT_TRY(VirtioShape device, decode_virtio_status(*status));
    GODWIT_TRY(const std::string place, pci_place(one.path));
    // without an address (virtio-mmio) the order tells them apart
    device.device = place.empty() ? fmt::format("{} {}", one.name, i)
                                  : fmt::format("{} at {}", one.name, place);
    devices.push_back(std::move(device));
  }
  return devices;
}

/// "01.0/00.0": the addresses on the way from the root bus down to a device.
Result<std::string> QmpHypervisor::pci_place(std::string device) {
  std::string place;
  for (std::size_t level = 0; level < kMostPciLevels; ++level) {
    GODWIT_TRY(const auto address, qom_value(device, "legacy-addr"));
    if (address && address->is_string()) {
      place = address->get<std::string>() + (place.empty() ? "" : "/") + place;
    }
    GODWIT_TRY(const auto bus, qom_value(device, "parent_bus"));
    if (!bus || !bus->is_string()) break;
    device = bus->get<std::string>();
    const std::size_t owner = device.rfind('/');
    if (owner == std::string::npos || owner == 0) break;
    device.resize(owner);
  }
  return place;
}

Result<void> QmpHypervisor::inspect_settings(Inspection& found) {
  GODWIT_TRY(const Json uuid, ask("query-uuid"));
  JsonReader in(uuid, "query-uuid");
  found.uuid = in.text("UUID");
  if (in.error()) return fail(qmp::unreadable("query-uuid", in.error()->message));
  GODWIT_TRY(const Json capabilities, ask("query-migrate-capabilities"));
  GODWIT_TRY(found.other_capabilities, decode_other_capabilities(capabilities));
  GODWIT_TRY(found.on, decode_capabilities(capabilities));
  GODWIT_TRY(const Json parameters, ask("query-migrate-parameters"));
  GODWIT_TRY(const StreamTls tls, decode_tls(parameters));
  found.tls = tls.credentials;
  GODWIT_TRY(const Json blocks, ask("query-block"));
  GODWIT_TRY(found.disk_bitmaps, decode_bitmaps(blocks));
  GODWIT_TRY(const std::vector<BlockExport> exports, block_exports());
  for (const BlockExport& one : exports) {
    if (one.type == "nbd") found.disk_exports.push_back(one.id);
  }
  GODWIT_TRY(const auto jobs, ask_if_there("query-jobs"));  // since QEMU 3.0
  if (!jobs) return {};
  GODWIT_TRY(const std::vector<BlockJob> known, decode_jobs(*jobs));
  for (const BlockJob& job : known) {
    if (!job.ended && !is_mirror(job)) found.disk_jobs.push_back({job.id, job.type});
  }
  return {};
}

/// QEMU asks its host when the capability is set, and only then. Together with one that post-copy
/// can't go with, which is looked at after that (QEMU 4.0 and later), nothing is ever set: a Godwit
/// that is killed here leaves nothing behind.
Result<void> QmpHypervisor::try_postcopy() {
  constexpr const char* kNeverWithIt = "x-ignore-shared";
  constexpr std::string_view kCommand = "migrate-set-capabilities";
  const qmp::SchemaEntity* known = schema_.argument(kCommand, {"capabilities", "capability"});
  const bool can_ask = known != nullptr && std::find(known->values.begin(), known->values.end(),
                                                     kNeverWithIt) != known->values.end();
  GODWIT_TRY(const RunState state, run_state());
  GODWIT_TRY(const CapabilitySet on, capabilities());
  const bool is_on = on.contains(Capability::kPostcopyRam);
  if (!can_ask || state != RunState::kInmigrate || is_on) return {};
  const auto switched = [](const char* name, bool to) {
    return Json{{"capability", name}, {"state", to}};
  };
  const auto both = [&switched](bool to) {
    return Json{
        {"capabilities", Json::array({switched("postcopy-ram", to), switched(kNeverWithIt, to)})}};
  };
  const auto asked = order(kCommand, both(true));
  if (asked) return order(kCommand, both(false));  // a QEMU to come, in which they do go together
  const bool only_that = asked.error().code == ErrorCode::kRefused &&
                         asked.error().message.find("ignore-shared") != std::string::npos;
  return only_that ? Result<void>() : asked;
}

}  // namespace godwit::qemu
