#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "godwit/domain/ports.h"

namespace godwit::probe {

/// Bytes that an interface has sent since it was made, headers included, retransmissions too.
/// Large sends count before they are cut into frames, so the headers of the later frames are
/// missing: about 4 % less than on a cable at an MTU of 1500. kNotFound when there is no such
/// interface, kPermission when the namespace may not be entered. Any thread.
class InterfaceCounter final : public WireCounter {
 public:
  /// `netns`: a path such as /run/netns/NAME; absent: this process's own.
  InterfaceCounter(std::string interface, std::optional<std::string> netns);
  Result<Bytes> sent() override;

 private:
  std::string interface_;
  std::optional<std::string> netns_;
};

/// The transmit bytes of `interface` in the text of /proc/net/dev; the received ones. Pure.
std::optional<Bytes> sent_bytes_in(std::string_view proc_net_dev, std::string_view interface);
std::optional<Bytes> received_bytes_in(std::string_view proc_net_dev, std::string_view interface);

}  // namespace godwit::probe
