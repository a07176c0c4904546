#include "godwit/config/toml.h"

#include <fmt/format.h>

#include <utility>

namespace godwit::config {
namespace {

Error bad(const toml::node& node, std::string_view what, std::string what_to_do) {
  return at_line(node, {ErrorCode::kBadInput, std::string(what), std::move(what_to_do)});
}

}  // namespace

Result<toml::table> parse_toml(std::string_view text) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::kBadInput,
                fmt::format("line {}: {}", error.source().begin.line, error.description()),
                "write it as TOML (https://toml.io)");
  }
}

Error at_line(const toml::node& node, const Error& error) {
  return error.while_doing(fmt::format("line {}", node.source().begin.line));
}

Error unknown_key(const toml::key& key, std::string what_to_do) {
  return {ErrorCode::kBadInput,
          fmt::format("line {}: unknown key '{}'", key.source().begin.line, key.str()),
          std::move(what_to_do)};
}

Result<void> check_keys(const toml::table& table, const std::set<std::string_view>& known,
                        const std::string& what_to_do) {
  for (const auto& [key, node] : table) {
    if (!known.contains(key.str())) return fail(unknown_key(key, what_to_do));
  }
  return {};
}

Result<std::string> toml_text(const toml::node& node) {
  if (auto text = node.value_exact<std::string>()) return *text;
  return fail(bad(node, "this must be a text", "put it in quotes, with its unit: \"40MB/s\""));
}

Result<bool> toml_boolean(const toml::node& node) {
  if (const auto value = node.value_exact<bool>()) return *value;
  return fail(bad(node, "this must be true or false", "write true or false, without quotes"));
}

Result<std::int64_t> toml_integer(const toml::node& node, std::int64_t least, std::int64_t most) {
  const auto value = node.value_exact<std::int64_t>();
  if (value && *value >= least && *value <= most) return *value;
  return fail(bad(node, fmt::format("this must be a whole number from {} to {}", least, most),
                  "write it without quotes"));
}

Result<double> toml_number(const toml::node& node, double least, double most) {
  const auto value = node.is_number() ? node.value<double>() : std::nullopt;
  if (value && *value >= least && *value <= most) return *value;
  return fail(bad(node, fmt::format("this must be a number from {} to {}", least, most),
                  "write it without quotes"));
}

Result<std::string> required_text(const toml::table& table, std::string_view key) {
  const toml::node* node = table.get(key);
  if (node == nullptr) {
    return fail(ErrorCode::kBadInput, fmt::format("the key '{}' is missing", key),
                fmt::format("add, at the file's beginning: {} = \"...\"", key));
  }
  return toml_text(*node);
}

Result<const toml::table*> section(const toml::table& file, std::string_view key) {
  static const toml::table kNone;
  const toml::node* node = file.get(key);
  if (node == nullptr) return &kNone;
  if (const toml::table* table = node->as_table()) return table;
  return fail(
      bad(*node, fmt::format("'{}' must be a section", key), fmt::format("write [{}]", key)));
}

}  // namespace godwit::config
