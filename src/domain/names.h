#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "godwit/base/contract.h"

/// Private to domain: one table of names per enum serves both directions.

namespace godwit::detail {

template <class Enum, std::size_t N>
using Names = std::array<std::pair<Enum, std::string_view>, N>;

template <class Enum, std::size_t N>
std::string_view name_of(const Names<Enum, N>& names, Enum value) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  contract_failure("an enumerator has no name");
}

template <class Enum, std::size_t N>
std::optional<Enum> value_of(const Names<Enum, N>& names, std::string_view name) {
  for (const auto& [value, known] : names) {
    if (known == name) return value;
  }
  return std::nullopt;
}

}  // namespace godwit::detail
