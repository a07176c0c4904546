#include "godwit/domain/medium.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "godwit/domain/codec.h"

namespace godwit {
namespace {

constexpr std::array<std::string_view, 12> kNetwork{"ftp",   "ftps",     "gluster", "http",
                                                    "https", "iscsi",    "nbd",     "nfs",
                                                    "rbd",   "sheepdog", "ssh",     "vxhs"};

bool is_network(std::string_view driver) {
  return std::find(kNetwork.begin(), kNetwork.end(), driver) != kNetwork.end();
}

/// A server on "this" host, or on a socket of it, is another one on every host.
bool is_of_one_host(std::string_view name) {
  constexpr std::array<std::string_view, 6> kMarks{"localhost", "127.0.0.", "[::1]",
                                                   "\"::1\"",   "unix",     "/dev/"};
  return std::any_of(kMarks.begin(), kMarks.end(), [name](std::string_view mark) {
    return name.find(mark) != std::string_view::npos;
  });
}

Medium network(std::string_view name) {
  return {is_of_one_host(name) ? Medium::Kind::kOther : Medium::Kind::kNetwork, {}};
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Filters and formats have what they read as "file" (blkdebug and its like as "image").
Medium of_json(std::string_view text) {
  const auto parsed = parse_json(text);
  if (!parsed) return {Medium::Kind::kOther, {}};
  const Json* node = &*parsed;
  while (node->is_object()) {
    const auto file = node->find(node->contains("file") ? "file" : "image");
    if (file == node->end() || !file->is_object()) break;
    node = &*file;
  }
  if (!node->is_object()) return {Medium::Kind::kOther, {}};
  const std::string driver = text_of(*node, "driver");
  if (driver == "file" || driver == "host_device" || driver == "host_cdrom") {
    return {Medium::Kind::kFile, text_of(*node, "filename")};
  }
  if (is_network(driver)) return network(node->dump());
  return {Medium::Kind::kOther, {}};
}

}  // namespace

Medium medium_of(const Disk& disk) {
  const std::string_view name = disk.file;
  if (name.empty()) return {};
  if (name.starts_with("json:")) return of_json(name.substr(5));
  const std::size_t colon = name.find(':');
  const std::string_view scheme = name.substr(0, colon);
  if (colon == std::string_view::npos || scheme.find('/') != std::string_view::npos) {
    return {Medium::Kind::kFile, std::string(name)};
  }
  const std::string_view driver = scheme.substr(0, scheme.find('+'));  // "nbd+unix", "gluster+tcp"
  return is_network(driver) ? network(name) : Medium{Medium::Kind::kOther, {}};
}

}  // namespace godwit
