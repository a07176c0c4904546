#include "godwit/qmp/schema.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "godwit/base/json_reader.h"
#include "godwit/qmp/message.h"

namespace godwit::qmp {
namespace {

using Kind = SchemaEntity::Kind;

std::optional<Kind> kind_of(std::string_view meta_type) {
  constexpr std::array<std::pair<std::string_view, Kind>, 7> kKinds{
      {{"builtin", Kind::kBuiltin},
       {"enum", Kind::kEnum},
       {"array", Kind::kArray},
       {"object", Kind::kObject},
       {"alternate", Kind::kAlternate},
       {"command", Kind::kCommand},
       {"event", Kind::kEvent}}};
  for (const auto& [name, kind] : kKinds) {
    if (name == meta_type) return kind;
  }
  return std::nullopt;
}

/// Since 6.2 an enum has "members", objects with a name; before that only "values", plain names.
std::vector<std::string> read_values(JsonReader& in) {
  std::vector<std::string> values;
  const bool plain = in.find("members") == nullptr;
  const Json* list = in.array(plain ? "values" : "members");
  if (list == nullptr) return values;
  for (const Json& one : *list) {
    if (plain && one.is_string()) values.push_back(one.get<std::string>());
    if (plain) continue;
    JsonReader member(one, in.path_of("members"));
    values.push_back(member.text("name"));
    if (member.error()) in.adopt(*member.error());
  }
  return values;
}

std::vector<SchemaEntity::Member> read_members(JsonReader& in, bool named) {
  std::vector<SchemaEntity::Member> members;
  const Json* list = in.array("members");
  if (list == nullptr) return members;
  for (const Json& one : *list) {
    JsonReader member(one, in.path_of("members"));
    members.push_back({named ? member.text("name") : std::string(), member.text("type"),
                       one.is_object() && one.contains("default")});
    if (member.error()) in.adopt(*member.error());
  }
  return members;
}

void read_variants(JsonReader& in, SchemaEntity& entity) {
  entity.tag = in.maybe_text("tag").value_or("");
  if (entity.tag.empty()) return;
  const Json* list = in.array("variants");
  if (list == nullptr) return;
  for (const Json& one : *list) {
    JsonReader variant(one, in.path_of("variants"));
    entity.variants.emplace(variant.text("case"), variant.text("type"));
    if (variant.error()) in.adopt(*variant.error());
  }
}

/// An entity of a kind that is newer than we are is left out: nothing of ours can refer to it.
std::optional<SchemaEntity> read_entity(JsonReader& in) {
  const auto kind = kind_of(in.text("meta-type"));
  if (!kind) return std::nullopt;
  SchemaEntity entity;
  entity.kind = *kind;
  switch (*kind) {
    case Kind::kBuiltin:
      entity.type = in.text("json-type");
      break;
    case Kind::kArray:
      entity.type = in.text("element-type");
      break;
    case Kind::kCommand:
    case Kind::kEvent:
      entity.type = in.text("arg-type");
      break;
    case Kind::kEnum:
      entity.values = read_values(in);
      break;
    case Kind::kAlternate:
      entity.members = read_members(in, false);
      break;
    case Kind::kObject:
      entity.members = read_members(in, true);
      read_variants(in, entity);
      break;
  }
  return entity;
}

}  // namespace

Result<Schema> Schema::parse(const Json& entities) {
  if (!entities.is_array()) return fail(unreadable("query-qmp-schema", "no list"));
  Schema schema;
  for (const Json& one : entities) {
    JsonReader in(one, "schema");
    std::string name = in.text("name");
    auto entity = read_entity(in);
    if (in.error()) return fail(unreadable("query-qmp-schema", in.error()->message));
    if (entity) schema.entities_.emplace(std::move(name), std::move(*entity));
  }
  return schema;
}

const SchemaEntity* Schema::find(std::string_view name) const {
  const auto found = entities_.find(name);
  return found == entities_.end() ? nullptr : &found->second;
}

const SchemaEntity* Schema::argument(std::string_view command,
                                     std::initializer_list<std::string_view> path) const {
  const SchemaEntity* at = find(command);
  if (at == nullptr || at->kind != Kind::kCommand) return nullptr;
  at = find(at->type);
  for (const std::string_view step : path) {
    if (at == nullptr || at->kind != Kind::kObject) return nullptr;
    const auto member = std::find_if(at->members.begin(), at->members.end(),
                                     [&](const auto& one) { return one.name == step; });
    if (member == at->members.end()) return nullptr;
    at = find(member->type);
    // an array of arrays of … could go in circles in a hostile schema; QEMU nests none
    if (at != nullptr && at->kind == Kind::kArray) at = find(at->type);
  }
  return at;
}

CapabilitySet Schema::capabilities() const {
  CapabilitySet can;
  const SchemaEntity* names = argument("migrate-set-capabilities", {"capabilities", "capability"});
  if (names == nullptr) return can;
  for (const Capability capability : known_capabilities()) {
    const auto& values = names->values;
    if (std::find(values.begin(), values.end(), to_string(capability)) != values.end()) {
      can.insert(capability);
    }
  }
  return can;
}

const std::vector<Capability>& known_capabilities() {
  static const std::vector<Capability> kKnown{
      Capability::kEvents,       Capability::kReturnPath,      Capability::kAutoConverge,
      Capability::kXbzrle,       Capability::kCompress,        Capability::kMultifd,
      Capability::kPostcopyRam,  Capability::kPostcopyPreempt, Capability::kPauseBeforeSwitchover,
      Capability::kSwitchoverAck};
  return kKnown;
}

}  // namespace godwit::qmp
