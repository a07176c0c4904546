#include "state.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "godwit/base/json.h"
#include "godwit/base/json_reader.h"
#include "godwit/base/unique_fd.h"
#include "paths.h"

namespace godwit::lab {
namespace {

constexpr int kVersion = 1;

std::string record_path(const std::string& lab) {
  return lab_folder(lab) + "/lab.json";
}

Json to_json(const GuestRecord& guest) {
  Json json{{"name", guest.spec.name},
            {"host", guest.spec.host},
            {"ram_bytes", guest.spec.ram.count()},
            {"vcpus", guest.spec.vcpus},
            {"load", guest.spec.load},
            {"index", guest.index},
            {"accelerator", guest.accelerator},
            {"image", guest.image},
            {"hosts", guest.hosts}};
  if (guest.spec.disk) json["disk_bytes"] = guest.spec.disk->count();
  if (guest.spec.own_disks) json["own_disks"] = true;
  if (guest.spec.qcow2) json["qcow2"] = true;
  if (guest.spec.programs) json["programs"] = true;
  return json;
}

std::vector<std::string> texts(JsonReader& in, std::string_view key) {
  std::vector<std::string> list;
  const Json* array = in.array(key);
  if (array == nullptr) return list;
  for (const Json& item : *array) {
    if (!item.is_string()) {
      in.reject(key, "holds something else than text");
      return list;
    }
    list.push_back(item.get<std::string>());
  }
  return list;
}

/// An integer of a small range.
int small(JsonReader& in, std::string_view key, int most) {
  const std::int64_t value = in.integer(key);
  if (value < 0 || value > most) in.reject(key, "is out of range");
  return static_cast<int>(std::clamp<std::int64_t>(value, 0, most));
}

Result<GuestRecord> guest_from(const Json& json, const LabSpec& lab) {
  JsonReader in(json, "lab.guests");
  GuestRecord guest;
  guest.spec = {in.text("name"),
                in.text("host"),
                in.bytes("ram_bytes"),
                small(in, "vcpus", 64),
                in.text("load"),
                in.maybe_bytes("disk_bytes"),
                in.maybe_boolean("own_disks").value_or(false),
                in.maybe_boolean("programs").value_or(false),
                in.maybe_boolean("qcow2").value_or(false)};
  guest.index = small(in, "index", kMostGuests - 1);
  guest.accelerator = in.text("accelerator");
  guest.image = in.text("image");
  guest.hosts = texts(in, "hosts");
  const auto known = [&lab](const std::string& host) {
    return std::find(lab.hosts.begin(), lab.hosts.end(), host) != lab.hosts.end();
  };
  if (guest.hosts.empty() || guest.hosts.size() > 2 ||
      !std::all_of(guest.hosts.begin(), guest.hosts.end(), known)) {
    in.reject("hosts", "is not one or two of the lab's hosts");
  }
  if (in.error()) return fail(*in.error());
  GODWIT_CHECK_OK(validate(guest.spec));
  return guest;
}

}  // namespace

GuestRecord* LabRecord::find(std::string_view guest) {
  const auto at = std::find_if(guests.begin(), guests.end(), [guest](const GuestRecord& record) {
    return record.spec.name == guest;
  });
  return at == guests.end() ? nullptr : &*at;
}

std::string encode(const LabRecord& record) {
  Json guests = Json::array();
  for (const GuestRecord& guest : record.guests) guests.push_back(to_json(guest));
  Json json{{"version", kVersion},
            {"name", record.spec.name},
            {"hosts", record.spec.hosts},
            {"migration_rate_bytes_per_s", record.spec.migration_rate.value()},
            {"complete", record.complete},
            {"boot", record.boot},
            {"guests", std::move(guests)}};
  if (record.spec.round_trip > Seconds(0)) {
    json["migration_round_trip_s"] = record.spec.round_trip.count();
  }
  return json_text(json, 2) + "\n";
}

Result<LabRecord> decode(std::string_view text) {
  GODWIT_TRY(const Json json, parse_json(text));
  JsonReader in(json, "lab");
  LabRecord record;
  if (in.integer("version") != kVersion) in.reject("version", "is of another godwit");
  record.spec = {in.text("name"), texts(in, "hosts"), in.rate("migration_rate_bytes_per_s"),
                 in.maybe_seconds("migration_round_trip_s").value_or(Seconds(0))};
  record.complete = in.boolean("complete");
  record.boot = in.text("boot");
  const Json* guests = in.array("guests");
  if (in.error()) return fail(*in.error());
  if (auto good = validate(record.spec); !good) {
    return fail(ErrorCode::kCorrupt, good.error().message);
  }
  for (const Json& guest : *guests) {
    auto decoded = guest_from(guest, record.spec);
    if (!decoded) return fail(ErrorCode::kCorrupt, decoded.error().message);
    record.guests.push_back(std::move(*decoded));
  }
  return record;
}

Result<LabRecord> load_record(const std::string& lab) {
  const std::string path = record_path(lab);
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(errno_error(fmt::format("opening {}", path), errno));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto record = decode(text);
  if (record && record->spec.name == lab) return record;
  return fail(
      ErrorCode::kCorrupt,
      fmt::format("{} is not readable{}", path, record ? "" : ": " + record.error().message),
      {"remove what is left of the lab with: godwit lab down ", {Setting::kLab, lab}});
}

Result<void> save_record(const LabRecord& record) {
  const std::string path = record_path(record.spec.name);
  const std::string fresh = path + ".new";
  const std::string text = encode(record);
  const UniqueFd file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return fail(errno_error(fmt::format("writing {}", fresh), errno));
  const ssize_t written = write(file.get(), text.data(), text.size());
  if (written != static_cast<ssize_t>(text.size())) {
    Error error = errno_error(fmt::format("writing {}", fresh), written < 0 ? errno : ENOSPC);
    error.what_to_do = "free some space under /run";
    return fail(std::move(error));
  }
  if (std::rename(fresh.c_str(), path.c_str()) == 0) return {};
  return fail(errno_error(fmt::format("writing {}", path), errno));
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id;
}

}  // namespace godwit::lab
