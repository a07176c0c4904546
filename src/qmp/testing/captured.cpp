#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "godwit/base/contract.h"
#include "godwit/qmp/schema.h"
#include "godwit/qmp/testing/fake_qmp_server.h"
#include "source_tree.h"

namespace godwit::qmp::testing {
namespace {

using Kind = SchemaEntity::Kind;

const Schema& schema_of(QemuVersion version) {
  const auto read = [](QemuVersion which) {
    auto schema = Schema::parse(captured_return(which, "query-qmp-schema"));
    if (!schema) contract_failure("the captured schema cannot be read");
    return std::move(*schema);
  };
  static const std::map<QemuVersion, Schema> kSchemas{
      {QemuVersion::k7_2, read(QemuVersion::k7_2)},
      {QemuVersion::k10_0, read(QemuVersion::k10_0)},
      {QemuVersion::k11_1, read(QemuVersion::k11_1)}};
  return kSchemas.at(version);
}

/// Checks values against types, noting what is wrong with the path where it stands.
class Checker {
 public:
  explicit Checker(const Schema& schema) : schema_(schema) {}

  void check(const std::string& type_name, const Json& value, const std::string& path) {
    const SchemaEntity* type = schema_.find(type_name);
    if (type == nullptr) return note(path, "has a type that was not captured: " + type_name);
    switch (type->kind) {
      case Kind::kBuiltin:
        return builtin(type->type, value, path);
      case Kind::kEnum:
        return one_of(*type, value, path);
      case Kind::kObject:
        return object(*type, value, path);
      case Kind::kAlternate:
        return any_of(*type, value, path);
      case Kind::kArray:
        if (!value.is_array()) return note(path, "is no array");
        for (const Json& one : value) check(type->type, one, path + "[]");
        return;
      case Kind::kCommand:
      case Kind::kEvent:
        return note(path, "has no type of a value");
    }
  }

  std::vector<std::string> findings;

 private:
  void note(const std::string& path, const std::string& what) {
    findings.push_back(fmt::format("{} {}", path, what));
  }

  void builtin(const std::string& type, const Json& value, const std::string& path) {
    const bool fits =
        (type == "string" && value.is_string()) || (type == "int" && value.is_number_integer()) ||
        (type == "number" && value.is_number()) || (type == "boolean" && value.is_boolean()) ||
        (type == "null" && value.is_null()) || type == "value";
    if (!fits) note(path, "is no " + type);
  }

  void one_of(const SchemaEntity& type, const Json& value, const std::string& path) {
    const auto& values = type.values;
    if (!value.is_string() ||
        std::find(values.begin(), values.end(), value.get<std::string>()) == values.end()) {
      note(path, "is none of the values that QEMU knows: " + value.dump());
    }
  }

  void object(const SchemaEntity& type, const Json& value, const std::string& path) {
    if (!value.is_object()) return note(path, "is no object");
    std::vector<SchemaEntity::Member> members = type.members;
    if (value.contains(type.tag) && value.at(type.tag).is_string()) {
      const auto variant = type.variants.find(value.at(type.tag).get<std::string>());
      const auto* more = variant == type.variants.end() ? nullptr : schema_.find(variant->second);
      if (more != nullptr) {
        members.insert(members.end(), more->members.begin(), more->members.end());
      }
    }
    for (const auto& member : members) {
      if (!value.contains(member.name)) {
        if (!member.optional) note(path, "lacks " + member.name);
      } else {
        check(member.type, value.at(member.name), path + "." + member.name);
      }
    }
    for (const auto& [key, unused] : value.items()) {
      const auto known = [&key = key](const auto& member) { return member.name == key; };
      if (std::none_of(members.begin(), members.end(), known)) note(path, "has no " + key);
    }
  }

  void any_of(const SchemaEntity& type, const Json& value, const std::string& path) {
    for (const auto& member : type.members) {
      Checker attempt(schema_);
      attempt.check(member.type, value, path);
      if (attempt.findings.empty()) return;
    }
    note(path, "fits none of the types that it may have");
  }

  const Schema& schema_;
};

}  // namespace

std::string_view to_string(QemuVersion version) {
  switch (version) {
    case QemuVersion::k7_2:
      return "7.2";
    case QemuVersion::k10_0:
      return "10.0";
    case QemuVersion::k11_1:
      return "11.1";
  }
  contract_failure("no such version");
}

Json captured(QemuVersion version, std::string_view name) {
  const std::string path =
      in_source_tree(fmt::format("src/qmp/tests/data/qemu-{}/{}.json", to_string(version), name));
  std::ifstream file(path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  auto json = parse_json(text);
  if (!json) contract_failure(("cannot read " + path).c_str());
  return std::move(*json);
}

Json captured_return(QemuVersion version, std::string_view name) {
  return captured(version, name).at("return");
}

std::vector<std::string> check_command(QemuVersion version, const std::string& command,
                                       const Json& arguments) {
  const Schema& schema = schema_of(version);
  const SchemaEntity* entity = schema.find(command);
  if (entity == nullptr || entity->kind != Kind::kCommand) {
    return {fmt::format("{} is no command that was captured", command)};
  }
  Checker checker(schema);
  checker.check(entity->type, arguments, command);
  return checker.findings;
}

}  // namespace godwit::qmp::testing
