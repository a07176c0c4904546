#pragma once

#include <initializer_list>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/json.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::qmp {

/// One entity of `query-qmp-schema`. QEMU hides the names of types behind numbers, so types are
/// reached from the commands that take them.
struct SchemaEntity {
  struct Member {
    std::string name;
    std::string type;
    bool optional = false;
  };
  enum class Kind { kBuiltin, kEnum, kArray, kObject, kAlternate, kCommand, kEvent };

  Kind kind = Kind::kBuiltin;
  std::string type;  ///< JSON type of a builtin, element of an array, argument of a command
  std::vector<Member> members;                  ///< of an object (without variants) or an alternate
  std::vector<std::string> values;              ///< of an enum
  std::string tag;                              ///< the member that chooses among variants
  std::map<std::string, std::string> variants;  ///< value of the tag → object type
};

/// What one QEMU can do, as it says itself. Immutable after parsing.
class Schema {
 public:
  /// From the value that `query-qmp-schema` returned. kProtocol when it is none.
  static Result<Schema> parse(const Json& entities);

  [[nodiscard]] const SchemaEntity* find(std::string_view name) const;
  /// The type at a path of member names below a command's arguments, arrays looked through; null
  /// when this QEMU has no such argument.
  [[nodiscard]] const SchemaEntity* argument(std::string_view command,
                                             std::initializer_list<std::string_view> path) const;
  /// The migration capabilities that exist here (some may still be refused by the host).
  [[nodiscard]] CapabilitySet capabilities() const;

 private:
  std::map<std::string, SchemaEntity, std::less<>> entities_;
};

/// Every capability that Godwit knows of.
[[nodiscard]] const std::vector<Capability>& known_capabilities();

}  // namespace godwit::qmp
