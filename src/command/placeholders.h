#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "godwit/base/error.h"

/// Private to command: texts with holes such as {vm}; {{ and }} stand for a brace. Pure.

namespace godwit::command {

/// What is put into the holes, by their names.
using Values = std::map<std::string, std::string>;

/// Names of the holes. kBadInput for a brace that neither opens nor closes one.
Result<std::set<std::string>> holes_in(std::string_view text);

/// The text with its holes filled; each name must be in `values`. `quote` is applied to every value
/// and to every brace that stands for itself.
std::string fill(std::string_view text, const Values& values,
                 std::string (*quote)(std::string_view));

/// As it is.
std::string unquoted(std::string_view value);
/// So that a regular expression finds just this.
std::string quoted_for_regex(std::string_view value);

/// The values of both sides as a command about one side calls them: beside `source…` and
/// `destination…` there are `here…` and `there…`.
Values seen_from(const Values& values, bool from_source);
/// Source and destination changed over.
Values swapped(const Values& values);

/// "source_uri" → "destination_uri" and back; empty for a name that belongs to no side.
std::string fellow_of(std::string_view name);

}  // namespace godwit::command
