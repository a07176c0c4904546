#include "godwit/medium/medium.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>

#include "godwit/base/ip_address.h"
#include "godwit/base/json.h"

namespace godwit {
namespace {

constexpr std::string_view kFdSet = "/dev/fdset/";

/// A protocol that every host can speak, and its usual port.
struct Protocol {
  std::string_view name;
  std::string_view port;
};
constexpr std::array<Protocol, 12> kProtocols{{{"ftp", "21"},
                                               {"ftps", "990"},
                                               {"gluster", "24007"},
                                               {"http", "80"},
                                               {"https", "443"},
                                               {"iscsi", "3260"},
                                               {"nbd", "10809"},
                                               {"nfs", "2049"},
                                               {"rbd", ""},
                                               {"sheepdog", "7000"},
                                               {"ssh", "22"},
                                               {"vxhs", "9999"}}};

const Protocol* find_protocol(std::string_view driver) {
  const auto* const found =
      std::find_if(kProtocols.begin(), kProtocols.end(),
                   [driver](const Protocol& one) { return one.name == driver; });
  return found == kProtocols.end() ? nullptr : found;
}

Medium other() {
  return {Medium::Kind::kOther};
}

Medium file(std::string path) {
  const bool handle = path.starts_with(kFdSet);
  return {handle ? Medium::Kind::kHandle : Medium::Kind::kFile, std::move(path)};
}

/// A server on "this" host is another one on every host.
bool is_this_host(std::string_view host) {
  if (host == "localhost" || host == "::1") return true;
  const auto ip = parse_ip(host);
  return ip && !ip->v6 && host.starts_with("127.");
}

/// "host", "host:port", "[::1]:port" as "host:port".
std::string with_port(std::string_view server, std::string_view usual) {
  const std::size_t bracket = server.rfind(']');
  const std::size_t colon = server.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  if (has_port || usual.empty()) return std::string(server);
  return std::string(server) + ":" + std::string(usual);
}

std::string_view host_of(std::string_view server) {
  if (server.starts_with('[')) return server.substr(1, server.find(']') - 1);
  return server.substr(0, server.rfind(':'));
}

Medium network(const Protocol& protocol, std::string_view server, std::string name) {
  std::string with = with_port(server, protocol.port);
  if (server.empty() || is_this_host(host_of(with))) return other();
  return {Medium::Kind::kNetwork, {}, std::string(protocol.name), std::move(with), std::move(name)};
}

/// A name that is the same by whatever way it is reached.
Medium network_name(const Protocol& protocol, std::string name) {
  return {Medium::Kind::kNetwork, {}, std::string(protocol.name), {}, std::move(name)};
}

// --- URIs ---

/// The part up to the mark; `rest` goes on behind it, and is empty where there is none.
std::string_view cut(std::string_view& rest, char mark) {
  const std::size_t at = rest.find(mark);
  const std::string_view part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return part;
}

/// "rbd:pool/image@snapshot:id=a:conf=b", in which a backslash keeps a colon.
Medium of_rbd(const Protocol& protocol, std::string_view rest) {
  std::string name;
  for (std::size_t i = 0; i < rest.size() && rest[i] != ':'; ++i) {
    if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
    name += rest[i];
  }
  return network_name(protocol, std::move(name));
}

/// "nbd:host:port:exportname=name", as it was before URIs.
Medium of_old_nbd(const Protocol& protocol, std::string_view rest) {
  constexpr std::string_view kExport = "exportname=";
  if (rest.starts_with("unix:")) return other();
  const std::size_t bracket = rest.starts_with('[') ? rest.find(']') : 0;
  const std::size_t colon = rest.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon == std::string_view::npos) return other();
  const std::size_t end = rest.find(':', colon + 1);
  const std::size_t name = rest.find(kExport, colon);
  return network(
      protocol, rest.substr(0, end),
      name == std::string_view::npos ? "" : std::string(rest.substr(name + kExport.size())));
}

/// "//user@server:port/path?options"
Medium of_uri(const Protocol& protocol, std::string_view rest) {
  const bool by_query = protocol.name.starts_with("http");  // it is a part of what is asked for
  rest.remove_prefix(2);
  std::string_view path = rest;
  std::string_view server = cut(path, '/');
  if (const std::size_t user = server.rfind('@'); user != std::string_view::npos) {
    server.remove_prefix(user + 1);
  }
  if (!by_query) path = cut(path, '?');
  Medium medium = network(protocol, server, std::string(path));
  const bool named_alone = protocol.name == "iscsi" && medium.kind == Medium::Kind::kNetwork;
  if (named_alone) medium.server.clear();
  return medium;
}

Medium of_name(std::string_view scheme, std::string_view rest) {
  if (scheme == "file" || scheme == "host_device") return file(std::string(rest));
  if (scheme.ends_with("+unix")) return other();
  const Protocol* protocol = find_protocol(scheme.substr(0, scheme.find('+')));  // "gluster+tcp"
  if (protocol == nullptr) return other();
  if (protocol->name == "rbd") return of_rbd(*protocol, rest);
  if (rest.starts_with("//")) return of_uri(*protocol, rest);
  return protocol->name == "nbd" ? of_old_nbd(*protocol, rest) : other();
}

// --- options as JSON ---

/// A member as text; empty where there is none. Members of structs may be written flat:
/// "server.host".
std::string text_of(const Json& object, const std::string& key) {
  const auto found = object.find(key);
  if (found != object.end()) {
    if (found->is_string()) return found->get<std::string>();
    return found->is_number_integer() ? found->dump() : std::string();
  }
  const std::size_t dot = key.find('.');
  if (dot == std::string::npos) return {};
  const std::string first = key.substr(0, dot);
  const auto inner = object.find(first);
  if (inner == object.end()) return {};
  if (inner->is_object()) return text_of(*inner, key.substr(dot + 1));
  const bool list = inner->is_array() && !inner->empty() && inner->front().is_object();
  return list && key[dot + 1] == '0' ? text_of(inner->front(), key.substr(dot + 3)) : std::string();
}

/// The server of options "server", "server.0" or of the driver's own "host" and "port".
std::string server_of(const Json& options) {
  for (const std::string prefix : {"server.", "server.0.", ""}) {
    const std::string host = text_of(options, prefix + "host");
    const std::string port = text_of(options, prefix + "port");
    const bool v6 = host.find(':') != std::string::npos && !host.starts_with('[');
    if (host.empty()) continue;
    return (v6 ? "[" + host + "]" : host) + (port.empty() ? "" : ":" + port);
  }
  return {};
}

std::string joined(std::initializer_list<std::string> parts) {
  std::string whole;
  for (const std::string& part : parts) {
    if (!part.empty()) whole += (whole.empty() ? "" : "/") + part;
  }
  return whole;
}

Medium of_options(const Json& options) {
  const auto text = [&options](const char* key) { return text_of(options, key); };
  const std::string driver = text("driver");
  if (driver == "file" || driver == "host_device" || driver == "host_cdrom") {
    return file(text("filename"));
  }
  const Protocol* protocol = find_protocol(driver);
  if (protocol == nullptr) return other();
  if (driver == "rbd") {
    const std::string snapshot = text("snapshot");
    return network_name(*protocol, joined({text("pool"), text("namespace"), text("image")}) +
                                       (snapshot.empty() ? "" : "@" + snapshot));
  }
  if (driver == "iscsi") {
    const std::string lun = text("lun");
    Medium medium = network(*protocol, text("portal"),
                            joined({text("target"), lun.empty() ? std::string("0") : lun}));
    medium.server.clear();
    return medium;
  }
  if (const std::string url = text("url"); !url.empty()) {
    const std::size_t colon = url.find(':');
    return colon == std::string::npos ? other()
                                      : of_name(url.substr(0, colon), url.substr(colon + 1));
  }
  std::string path = text("path");
  if (driver == "nbd" && !path.empty()) return other();  // a UNIX socket
  if (path.starts_with('/')) path.erase(0, 1);           // as in a URI
  return network(*protocol, server_of(options), joined({text("volume"), text("export"), path}));
}

/// Filters and formats have what they read as "file" (blkdebug and its like as "image").
Medium of_json(std::string_view text) {
  const auto parsed = parse_json(text);
  if (!parsed) return other();
  const Json* node = &*parsed;
  while (node->is_object()) {
    const auto inner = node->find(node->contains("file") ? "file" : "image");
    if (inner == node->end() || !inner->is_object()) break;
    node = &*inner;
  }
  return node->is_object() ? of_options(*node) : other();
}

}  // namespace

Medium medium_of(const Disk& disk) {
  const std::string_view name = disk.file;
  if (name.empty()) return {};
  if (name.starts_with("json:")) return of_json(name.substr(5));
  const std::size_t colon = name.find(':');
  const std::string_view scheme = name.substr(0, colon);
  if (colon == std::string_view::npos || scheme.find('/') != std::string_view::npos) {
    return file(std::string(name));
  }
  return of_name(scheme, name.substr(colon + 1));
}

std::optional<bool> is_one_medium(const Medium& a, const Medium& b) {
  constexpr auto kNetwork = Medium::Kind::kNetwork;
  if (a.kind != kNetwork || b.kind != kNetwork || a.protocol != b.protocol) return std::nullopt;
  if (a.server != b.server) return std::nullopt;
  return a.name == b.name;
}

std::optional<int> fd_set_of(const Disk& disk) {
  const Medium medium = medium_of(disk);
  if (medium.kind != Medium::Kind::kHandle) return std::nullopt;
  const char* const begin = medium.path.data() + kFdSet.size();
  const char* const end = medium.path.data() + medium.path.size();
  int number = 0;
  const auto [rest, error] = std::from_chars(begin, end, number);
  return error == std::errc() && rest == end ? std::optional(number) : std::nullopt;
}

}  // namespace godwit
