#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "godwit/base/error.h"

namespace godwit {

/// A VM as the user names it: `lab:NAME`, `qmp:PATH`, `libvirt:NAME` or `libvirt:URI#NAME`.
struct LabVm {
  std::string name;
  friend bool operator==(const LabVm&, const LabVm&) = default;
};
struct QmpVm {
  std::string socket;
  friend bool operator==(const QmpVm&, const QmpVm&) = default;
};
/// A domain of libvirt's.
struct LibvirtVm {
  std::string uri;     ///< of its daemon, as virsh takes it; empty: the local system's
  std::string domain;  ///< its name, UUID or number
  friend bool operator==(const LibvirtVm&, const LibvirtVm&) = default;
};
using VmAddress = std::variant<LabVm, QmpVm, LibvirtVm>;

/// A destination: `lab:HOST`, a host of libvirt's as `libvirt:URI`, or a QEMU that waits for a
/// migration: `qmp:PATH@tcp:HOST:PORT`, `qmp:PATH@unix:PATH`, or
/// `qmp:PATH@tcp:LISTEN:PORT,connect=HOST:PORT` where the source reaches it by another address than
/// it listens on (NAT, a virtual address, every address of its host).
struct LabHost {
  std::string name;
  friend bool operator==(const LabHost&, const LabHost&) = default;
};
struct QmpDestination {
  std::string socket;
  std::string listen;  ///< where it listens, as QEMU's URI: "tcp:0.0.0.0:4444"
  std::string stream;  ///< where the source connects to: "tcp:10.0.0.2:4444"
  friend bool operator==(const QmpDestination&, const QmpDestination&) = default;
};
struct LibvirtHost {
  std::string uri;
  friend bool operator==(const LibvirtHost&, const LibvirtHost&) = default;
};
using DestinationAddress = std::variant<LabHost, QmpDestination, LibvirtHost>;

/// kBadInput with the right form when it is none.
Result<VmAddress> parse_vm(std::string_view text);
Result<DestinationAddress> parse_destination(std::string_view text);

/// Where a destination's stream leads: "10.0.0.2" of "qmp:/a@tcp:10.0.0.2:4444", all of a UNIX
/// socket's URI, the host of libvirt's. Nothing for a lab's host, nor for what is no destination.
[[nodiscard]] std::optional<std::string> stream_host_of(std::string_view destination);

std::string to_string(const VmAddress& address);
std::string to_string(const DestinationAddress& address);

/// The host in libvirt's URI: "kvm2" of "qemu+ssh://root@kvm2:22/system", without brackets. Nothing
/// where it names none, and so means this one.
[[nodiscard]] std::optional<std::string> host_of_uri(std::string_view uri);

// --- QEMU's URIs of streams ---

struct TcpAddress {
  std::string host;  ///< without brackets
  int port = 0;
  friend bool operator==(const TcpAddress&, const TcpAddress&) = default;
};
/// Of "tcp:10.0.0.2:4444", "tcp:[::1]:4444"; nothing for any other text.
[[nodiscard]] std::optional<TcpAddress> tcp_address_of(std::string_view uri);
/// Its opposite; of the parts as texts, unchecked.
[[nodiscard]] std::string uri_of(const TcpAddress& address);
[[nodiscard]] std::string uri_of(const std::string& host, const std::string& port);
/// Where disks are offered beside a stream: on one of the next ports (`step` counts from 1), or on
/// a UNIX socket of nearly the same name. Nothing where there is no such port, where the name would
/// be longer than a socket's may be, and for any other stream.
[[nodiscard]] std::optional<std::string> disks_beside(std::string_view stream, int step = 1);
/// Of "unix:/run/stream"; nothing for any other text.
[[nodiscard]] std::optional<std::string> socket_path_of(std::string_view uri);
/// Does one that listens on `actual` do what was asked? A host's name may stand for any address.
[[nodiscard]] bool listens_as_asked(const std::vector<std::string>& actual, std::string_view asked);

}  // namespace godwit
