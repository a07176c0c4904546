#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "godwit/base/error.h"

/// Values of a TOML file that people write, each error with its line. kBadInput. Pure.

namespace godwit::config {

Result<toml::table> parse_toml(std::string_view text);

/// The error with the line where the value stands.
Error at_line(const toml::node& node, const Error& error);
/// `what_to_do` says where the known ones stand.
Error unknown_key(const toml::key& key, std::string what_to_do);
/// The same for the first key of a table that is none of the known ones.
Result<void> check_keys(const toml::table& table, const std::set<std::string_view>& known,
                        const std::string& what_to_do);

Result<std::string> toml_text(const toml::node& node);
Result<bool> toml_boolean(const toml::node& node);
/// Whole, and within the bounds.
Result<std::int64_t> toml_integer(const toml::node& node, std::int64_t least, std::int64_t most);
/// Whole or not, within the bounds.
Result<double> toml_number(const toml::node& node, double least, double most);

/// A text under a key that may be missing, as `parse` reads it.
template <class T>
Result<std::optional<T>> quantity(const toml::table& table, std::string_view key,
                                  Result<T> (*parse)(std::string_view)) {
  const toml::node* const node = table.get(key);
  if (node == nullptr) return std::optional<T>();
  GODWIT_TRY(const std::string text, toml_text(*node));
  auto value = parse(text);
  if (!value) return fail(at_line(*node, value.error()));
  return std::optional(*value);
}

/// The text under a key that must be there.
Result<std::string> required_text(const toml::table& table, std::string_view key);
/// The table under a key; an empty one where there is none. (No copy: copies forget their lines.)
Result<const toml::table*> section(const toml::table& file, std::string_view key);

}  // namespace godwit::config
