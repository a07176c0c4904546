#include "godwit/domain/address.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "godwit/base/ip_address.h"

namespace godwit {
namespace {

constexpr std::string_view kVmForms =
    "name a VM as lab:NAME, qmp:/path/to/qmp.sock, libvirt:NAME or libvirt:URI#NAME (as in "
    "libvirt:qemu+ssh://root@host/system#NAME)";
constexpr std::string_view kDestinationForms =
    "name a destination as lab:HOST or qmp:/path/to/qmp.sock@tcp:ADDRESS:PORT (or @unix:/path, or "
    "@tcp:LISTEN:PORT,connect=ADDRESS:PORT where the source reaches it by another address), or as "
    "libvirt:URI (as in libvirt:qemu+ssh://root@host/system)";
/// The longest path that a socket's address holds (sun_path, with the zero at its end).
constexpr std::size_t kLongestSocketPath = 107;
constexpr std::string_view kConnect = ",connect=";

tl::unexpected<Error> refuse(std::string_view text, std::string_view why, std::string_view forms) {
  return fail(ErrorCode::kBadInput, fmt::format("'{}' {}", text, why), std::string(forms));
}

/// The rest of `text` after `scheme:`, or nothing.
bool take_scheme(std::string_view& text, std::string_view scheme) {
  if (!text.starts_with(scheme) || text.substr(scheme.size(), 1) != ":") return false;
  text.remove_prefix(scheme.size() + 1);
  return true;
}

/// A name that may become part of a file's or an interface's name.
bool is_plain_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  };
  return !name.empty() && name.size() <= 32 && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), plain);
}

bool is_printable(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
}

/// As libvirt's URIs are: a scheme and "://", without blanks or a fragment.
bool is_libvirt_uri(std::string_view text) {
  const std::size_t mark = text.find("://");
  return mark != std::string_view::npos && mark > 0 && is_printable(text) &&
         text.find_first_of(" #") == std::string_view::npos;
}

/// What libvirt takes as a domain's name: no path and no lines.
bool is_domain_name(std::string_view name) {
  return !name.empty() && is_printable(name) && name.find('/') == std::string_view::npos;
}

bool is_digits(std::string_view text, std::string_view besides = "") {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || besides.find(c) != std::string_view::npos;
  });
}

/// A host as a name. One of digits and dots alone would be a mistaken address.
bool is_host_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= 253 && name.front() != '-' && name.front() != '.' &&
         !is_digits(name, ".") && std::all_of(name.begin(), name.end(), plain);
}

/// "HOST:PORT" as its parts, unchecked. An IPv6 address without brackets keeps its colons.
struct HostAndPort {
  std::string_view host;
  std::string_view port;
};
HostAndPort split_host(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

int port_of(std::string_view digits) {
  unsigned port = 0;
  const char* const end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, port);
  return error == std::errc() && rest == end && port <= 65535 ? static_cast<int>(port) : 0;
}

/// The host of a URI; nothing when it is none. Brackets belong to IPv6 alone.
std::optional<std::string_view> bare_host(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    const bool plain_zone = host.find_first_of("[]/,@ \t\n") == std::string_view::npos;
    const auto ip = parse_ip(host);
    return ip && ip->v6 && plain_zone ? std::optional(host) : std::nullopt;
  }
  const auto ip = parse_ip(host);
  return (ip && !ip->v6) || is_host_name(host) ? std::optional(host) : std::nullopt;
}

bool is_any(std::string_view host) {
  const auto ip = parse_ip(host);
  return ip && ip->is_any();
}

/// What is wrong with "HOST:PORT", and how it is written.
struct Complaint {
  std::string why;
  std::string form;
};
std::optional<Complaint> complain(std::string_view text) {
  const auto [host, digits] = split_host(text);
  const std::string port(port_of(digits) > 0 ? digits : "4444");
  if (host.find(':') != std::string_view::npos && !host.starts_with('[')) {
    const bool without_port = parse_ip(text) && !parse_ip(host);
    return Complaint{fmt::format("has an IPv6 address without brackets ({})", text),
                     fmt::format("write it as tcp:[{}]:{}", without_port ? text : host,
                                 without_port ? "PORT" : port)};
  }
  if (port_of(digits) == 0) {
    return Complaint{fmt::format("has no port from 1 to 65535 in '{}'", text),
                     fmt::format("write it as tcp:{}:4444", host.empty() ? "ADDRESS" : host)};
  }
  if (host.empty()) {
    return Complaint{"does not say at which address",
                     fmt::format("write it as tcp:ADDRESS:{0}, or, to listen on every address, as "
                                 "tcp:0.0.0.0:{0},connect=ADDRESS:{0}",
                                 port)};
  }
  if (bare_host(host)) return std::nullopt;
  return Complaint{
      fmt::format("has no address in '{}'", text),
      fmt::format("write it as tcp:10.0.0.2:{0}, tcp:[fd00::2]:{0} or tcp:HOST:{0}", port)};
}

Result<QmpDestination> refuse_destination(std::string_view text, const Complaint& complaint) {
  return refuse(text, complaint.why, complaint.form);
}

Result<QmpDestination> with_tcp(std::string_view text, std::string socket,
                                std::string_view stream) {
  const std::size_t comma = stream.find(kConnect);
  const std::string_view listen = stream.substr(0, comma);
  const bool apart = comma != std::string_view::npos;
  const std::string_view connect = apart ? stream.substr(comma + kConnect.size()) : listen;
  for (const std::string_view one : {listen, connect}) {
    if (const auto wrong = complain(one)) return refuse_destination(text, *wrong);
  }
  if (const auto [host, port] = split_host(connect); is_any(*bare_host(host))) {
    return refuse_destination(
        text, {fmt::format("connects to {}, which is no host's address", host),
               fmt::format("write it as tcp:{},connect=ADDRESS:{}, with the address by which the "
                           "source reaches it",
                           listen, port)});
  }
  return QmpDestination{std::move(socket), fmt::format("tcp:{}", listen),
                        fmt::format("tcp:{}", connect)};
}

Result<QmpDestination> with_unix(std::string_view text, std::string socket,
                                 std::string_view stream) {
  const auto path = socket_path_of(stream);
  if (path) return QmpDestination{std::move(socket), std::string(stream), std::string(stream)};
  take_scheme(stream, "unix");
  if (stream.starts_with('/') && stream.size() > kLongestSocketPath) {
    return refuse(
        text, fmt::format("has a path of {} bytes after unix:", stream.size()),
        fmt::format("a socket's path has at most {}: choose a shorter one", kLongestSocketPath));
  }
  return refuse(text, "has no path after unix:",
                fmt::format("write it as unix:/path, of at most {} bytes", kLongestSocketPath));
}

Result<VmAddress> libvirt_vm(std::string_view text, std::string_view rest) {
  const std::size_t mark = rest.find('#');
  const bool by_uri = rest.substr(0, mark).find("://") != std::string_view::npos;
  const std::string_view uri = by_uri ? rest.substr(0, mark) : std::string_view();
  const std::string_view name = !by_uri                          ? rest
                                : mark == std::string_view::npos ? std::string_view()
                                                                 : rest.substr(mark + 1);
  if (by_uri && !is_libvirt_uri(uri)) return refuse(text, "has no URI of libvirt's", kVmForms);
  if (!is_domain_name(name)) return refuse(text, "names no domain", kVmForms);
  return VmAddress(LibvirtVm{std::string(uri), std::string(name)});
}

}  // namespace

Result<VmAddress> parse_vm(std::string_view text) {
  std::string_view rest = text;
  if (take_scheme(rest, "lab")) {
    if (!is_plain_name(rest)) return refuse(text, "has no plain guest name", kVmForms);
    return VmAddress(LabVm{std::string(rest)});
  }
  if (take_scheme(rest, "qmp")) {
    if (rest.empty()) return refuse(text, "has no socket path", kVmForms);
    return VmAddress(QmpVm{std::string(rest)});
  }
  if (take_scheme(rest, "libvirt")) return libvirt_vm(text, rest);
  return refuse(text, "is no VM", kVmForms);
}

Result<DestinationAddress> parse_destination(std::string_view text) {
  std::string_view rest = text;
  if (take_scheme(rest, "lab")) {
    if (!is_plain_name(rest)) return refuse(text, "has no plain host name", kDestinationForms);
    return DestinationAddress(LabHost{std::string(rest)});
  }
  if (take_scheme(rest, "qmp")) {
    const auto last = [&rest](std::string_view mark) {
      const std::size_t found = rest.rfind(mark);
      return found == std::string_view::npos ? 0 : found;
    };
    const std::size_t at = std::max(last("@tcp:"), last("@unix:"));
    if (at == 0) {
      return refuse(text, "does not say where the stream goes", kDestinationForms);
    }
    std::string monitor(rest.substr(0, at));
    std::string_view stream = rest.substr(at + 1);
    return take_scheme(stream, "tcp") ? with_tcp(text, std::move(monitor), stream)
                                      : with_unix(text, std::move(monitor), stream);
  }
  if (take_scheme(rest, "libvirt")) {
    if (!is_libvirt_uri(rest)) return refuse(text, "has no URI of libvirt's", kDestinationForms);
    return DestinationAddress(LibvirtHost{std::string(rest)});
  }
  return refuse(text, "is no destination", kDestinationForms);
}

std::optional<std::string> stream_host_of(std::string_view destination) {
  const auto address = parse_destination(destination);
  if (!address) return std::nullopt;
  if (const auto* host = std::get_if<LibvirtHost>(&*address)) return host_of_uri(host->uri);
  const auto* qmp = std::get_if<QmpDestination>(&*address);
  if (qmp == nullptr) return std::nullopt;
  const auto tcp = tcp_address_of(qmp->stream);
  return tcp ? tcp->host : qmp->stream;
}

std::string to_string(const VmAddress& address) {
  if (const auto* lab = std::get_if<LabVm>(&address)) return "lab:" + lab->name;
  if (const auto* qmp = std::get_if<QmpVm>(&address)) return "qmp:" + qmp->socket;
  const auto& domain = std::get<LibvirtVm>(address);
  return domain.uri.empty() ? "libvirt:" + domain.domain
                            : fmt::format("libvirt:{}#{}", domain.uri, domain.domain);
}

std::string to_string(const DestinationAddress& address) {
  if (const auto* lab = std::get_if<LabHost>(&address)) return "lab:" + lab->name;
  if (const auto* host = std::get_if<LibvirtHost>(&address)) return "libvirt:" + host->uri;
  const auto& qmp = std::get<QmpDestination>(address);
  std::string text = "qmp:" + qmp.socket + "@" + qmp.listen;
  if (qmp.stream == qmp.listen) return text;
  std::string_view connect = qmp.stream;
  take_scheme(connect, "tcp");
  return fmt::format("{}{}{}", text, kConnect, connect);
}

std::optional<std::string> host_of_uri(std::string_view uri) {
  const std::size_t mark = uri.find("://");
  if (mark == std::string_view::npos) return std::nullopt;
  uri.remove_prefix(mark + 3);
  uri = uri.substr(0, uri.find_first_of("/?#"));
  if (const std::size_t user = uri.rfind('@'); user != std::string_view::npos) {
    uri.remove_prefix(user + 1);
  }
  std::optional<std::string_view> host = bare_host(uri);
  if (!host) host = bare_host(split_host(uri).host);
  return host ? std::optional<std::string>(*host) : std::nullopt;
}

std::optional<TcpAddress> tcp_address_of(std::string_view uri) {
  if (!take_scheme(uri, "tcp")) return std::nullopt;
  const auto [text, digits] = split_host(uri);
  const auto host = bare_host(text);
  if (!host || port_of(digits) == 0) return std::nullopt;
  return TcpAddress{std::string(*host), port_of(digits)};
}

std::string uri_of(const TcpAddress& address) {
  return uri_of(address.host, std::to_string(address.port));
}

std::string uri_of(const std::string& host, const std::string& port) {
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? fmt::format("tcp:[{}]:{}", host, port) : fmt::format("tcp:{}:{}", host, port);
}

std::optional<std::string> socket_path_of(std::string_view uri) {
  const bool whole = take_scheme(uri, "unix") && uri.size() > 1 && uri.front() == '/' &&
                     uri.size() <= kLongestSocketPath && uri.find('\0') == std::string_view::npos;
  return whole ? std::optional<std::string>(uri) : std::nullopt;
}

std::optional<std::string> disks_beside(std::string_view stream, int step) {
  constexpr std::string_view kBeside = ".disks";
  constexpr int kLastPort = 65535;
  if (socket_path_of(stream)) {
    std::string beside = std::string(stream) + std::string(kBeside);
    return socket_path_of(beside) ? std::optional(std::move(beside)) : std::nullopt;
  }
  const auto tcp = tcp_address_of(stream);
  if (!tcp || tcp->port + step > kLastPort) return std::nullopt;
  return uri_of({tcp->host, tcp->port + step});
}

bool listens_as_asked(const std::vector<std::string>& actual, std::string_view asked) {
  const auto wanted = tcp_address_of(asked);
  const auto wanted_ip = wanted ? parse_ip(wanted->host) : std::nullopt;
  return std::any_of(actual.begin(), actual.end(), [&](const std::string& uri) {
    const auto one = tcp_address_of(uri);
    if (!wanted || !one) return uri == asked;
    const auto ip = parse_ip(one->host);
    const bool may_be = !wanted_ip || !ip || wanted_ip->is_any() || ip->is_any();
    return one->port == wanted->port && (may_be || *wanted_ip == *ip);
  });
}

}  // namespace godwit
