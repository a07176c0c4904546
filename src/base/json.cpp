#include "godwit/base/json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

namespace godwit {
namespace {

/// Deeper than any value of ours; a parser's stack must not be the peer's to exhaust.
constexpr std::size_t kMostNesting = 64;
/// More than any value of ours or QEMU's has. An ordered object looks each new key up among all
/// others, so that without a bound a peer could keep us busy for minutes with a megabyte.
constexpr std::size_t kMostMembers = 1024;

/// Builds the value while it is read, and stops at the first bound. (nlohmann's own parser with a
/// callback goes through all members of an array again at the end of each of them.)
class BoundedReader final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t& value) override { return put(std::move(value)); }
  bool start_object(std::size_t) override { return open(Json::value_t::object); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json::value_t::array); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    Json& object = *open_.back();
    if (object.size() >= kMostMembers) return stop("the JSON has an object with too many members");
    member_ = &object[std::move(name)];
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    return stop(fmt::format("not valid JSON: {}", error.what()));
  }

  [[nodiscard]] Result<Json> read() {
    if (wrong_) return fail(ErrorCode::kCorrupt, *wrong_);
    return std::move(root_);
  }

 private:
  bool stop(std::string why) {
    wrong_ = std::move(why);
    return false;
  }
  /// Where the next value belongs.
  Json& place() {
    if (open_.empty()) return root_;
    if (open_.back()->is_array()) return open_.back()->emplace_back();
    return *member_;
  }
  template <class Value>
  bool put(Value&& value) {
    place() = std::forward<Value>(value);
    return true;
  }
  bool open(Json::value_t kind) {
    if (open_.size() >= kMostNesting) return stop("the JSON is nested too deeply");
    Json& opened = place();
    opened = Json(kind);
    open_.push_back(&opened);
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  Json root_;
  std::vector<Json*> open_;  // each within the one before; a member that grows moves none of them
  Json* member_ = nullptr;
  std::optional<std::string> wrong_;
};

}  // namespace

Result<Json> parse_json(std::string_view text) {
  BoundedReader reader;
  (void)Json::sax_parse(text, &reader);
  return reader.read();
}

std::string json_text(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace godwit
