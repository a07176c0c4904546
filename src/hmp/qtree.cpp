#include "godwit/hmp/qtree.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "godwit/qmp/message.h"

namespace godwit::hmp {
namespace {

/// More is no device tree: each level costs four columns.
constexpr std::size_t kMostLevels = 64;

/// What a property of a device is when two hosts may differ in it: a file, a backend, a name, the
/// host's tuning, or something that the guest's firmware or the disk's contents decide. Whatever is
/// not named here is compared.
bool is_of_the_host(std::string_view type, std::string_view name) {
  static const std::set<std::string_view, std::less<>> kNames{
      // backends and names of the user's choice
      "netdev", "chardev", "drive", "audiodev", "rng", "cryptodev", "fsdev", "iothread",
      "iothread-vq-mapping", "display", "head", "failover_pair_id", "device_id", "ebpf-rss-fds",
      "filename", "sysfsdev", "hostdevice", "tpmdev", "vhostfd", "guest-cid", "wwpn", "bmc",
      "masterbus", "vf-token", "iommufd",
      // files that it reads at its start; their contents are compared as RAM blocks
      "romfile", "romsize",
      // tuning of the host's side, which the guest does not see
      "ioeventfd", "x-txtimer", "x-txburst", "tx", "vhostforce", "bootindex", "bootindexA",
      "bootindexB", "rerror", "werror", "share-rw", "account-invalid", "account-failed",
      "request-merging", "x-max-bounce-buffer-size", "kbd-throttle", "lost_tick_policy",
      "max-bytes", "period", "debug", "prealloc", "dynamic-memslots", "pcap", "backend_defaults",
      "discard_granularity", "write-cache",
      // what the firmware, the guest or the contents of a disk make of it
      "MCFG", "busnr", "smb_io_base", "cyls", "heads", "secs", "lcyls", "lheads", "lsecs",
      "bios-chs-trans",
      // where the place has it already
      "addr", "port"};
  if (kNames.contains(name)) return true;
  if (type.starts_with("vfio") && name == "host") return true;
  // Two versions of QEMU offer different ones for one machine type; the guest asks anew.
  return type.starts_with("pvpanic") && name == "events";
}

/// What QEMU 9 writes as "not set", 8 writes as what it means.
std::string plain(std::string_view name, std::string_view value) {
  if (name == "rombar" && value.starts_with("-1 ")) return "1 (0x1)";
  return std::string(value);
}

/// A line of the tree, and how far it stands from the left.
struct Line {
  std::size_t column = 0;
  std::string_view text;
};

Line cut_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  const std::size_t column = std::min(line.find_first_not_of(' '), line.size());
  return {column, line.substr(column)};
}

std::string without_quotes(const std::string& value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return quoted ? value.substr(1, value.size() - 2) : value;
}

/// Reads a tree of buses and devices. Every device stands two columns right of its bus, every bus
/// two columns right of its device, and so does what is said of either.
class Tree {
 public:
  Result<void> read(const Line& line) {
    const bool bus = line.text.starts_with("bus: ");
    const bool device = line.text.starts_with("dev: ");
    if (!bus && !device) {
      describe(line);
      return {};
    }
    while (!levels_.empty() && levels_.back().column >= line.column) levels_.pop_back();
    if (levels_.size() >= kMostLevels || (device && levels_.empty())) {
      return fail(qmp::unreadable("info qtree", line.text));
    }
    if (bus) {
      begin_bus(line);
    } else {
      begin_device(line);
    }
    return {};
  }

  [[nodiscard]] std::vector<DrivePlace> drives() const {
    std::vector<DrivePlace> drives;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const auto& [type, unplaced, id, properties] = nodes_[i].shape;
      const auto drive = properties.find("drive");
      if (drive == properties.end()) continue;
      const std::size_t parent = nodes_[i].parent;
      const bool is_part = id.empty() && parent != kNone;
      drives.push_back(
          {without_quotes(drive->second), is_part ? nodes_[parent].shape.id : id, place_of(i)});
    }
    return drives;
  }

  /// A pxb device makes a root bus of its own, on a bridge that stands elsewhere in the tree and
  /// shows nothing of it. QEMU loads what is on that bus by the bus's number. Both lists have the
  /// order in which the devices were made, as none can be plugged in later.
  void number_root_buses() {
    std::vector<std::size_t> bridges;
    std::vector<std::size_t> makers;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const std::string& type = nodes_[i].shape.type;
      if (type == "pxb-host" || type == "pxb-cxl-host") bridges.push_back(i);
      if (type == "pxb" || type == "pxb-pcie" || type == "pxb-cxl") makers.push_back(i);
    }
    if (bridges.size() != makers.size()) return;
    for (std::size_t i = 0; i < bridges.size(); ++i) {
      const auto& properties = nodes_[makers[i]].shape.properties;
      const auto number = properties.find("bus_nr");
      if (number == properties.end()) continue;
      nodes_[bridges[i]].root_bus = number->second.substr(0, number->second.find(' '));
    }
  }

  std::vector<DeviceShape> take() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) nodes_[i].shape.place = place_of(i);
    std::vector<DeviceShape> shapes;
    for (Node& node : nodes_) shapes.push_back(std::move(node.shape));
    return shapes;
  }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  struct Node {
    DeviceShape shape;
    std::size_t parent = kNone;
    int bus = 0;           ///< which of its parent's
    int buses = 0;         ///< of its own
    std::string address;   ///< where its bus names one beside its properties
    std::string root_bus;  ///< of a pxb's bridge: the number of its bus
  };
  struct Level {
    std::size_t column;
    bool is_bus;
    std::size_t node;  ///< of a bus: the device that it belongs to, or none
    int number;        ///< of a bus, among those of its device
  };

  void begin_bus(const Line& line) {
    const std::size_t owner = levels_.empty() ? kNone : levels_.back().node;
    const int number = owner == kNone ? 0 : nodes_[owner].buses++;
    levels_.push_back({line.column, true, owner, number});
  }

  /// `dev: virtio-net-pci, id "net0"`
  void begin_device(const Line& line) {
    const std::string_view text = line.text.substr(5);
    const std::size_t comma = text.find(", id \"");
    Node node;
    node.shape.type = text.substr(0, comma);
    if (comma != std::string_view::npos) {
      const std::string_view id = text.substr(comma + 6);
      node.shape.id = id.substr(0, id.rfind('"'));
    }
    node.parent = levels_.back().node;
    node.bus = levels_.back().number;
    nodes_.push_back(std::move(node));
    levels_.push_back({line.column, false, nodes_.size() - 1, 0});
  }

  /// `addr = 02.0`, or `addr 0.1, port 1, speed 480, name QEMU USB Tablet, attached`
  void describe(const Line& line) {
    if (levels_.empty() || levels_.back().is_bus) return;
    if (line.column != levels_.back().column + 2) return;
    Node& node = nodes_[levels_.back().node];
    const std::size_t is = line.text.find(" = ");
    if (is != std::string_view::npos &&
        line.text.substr(0, is).find(' ') == std::string_view::npos) {
      node.shape.properties.emplace(line.text.substr(0, is), line.text.substr(is + 3));
      return;
    }
    if (line.text.starts_with("mmio ") && node.shape.type == "virtio-mmio") {
      node.address = line.text.substr(5, line.text.find('/') - 5);  // boards have many of them
      return;
    }
    constexpr std::string_view kPort = ", port ";
    const std::size_t port = line.text.find(kPort);
    if (!line.text.starts_with("addr ") || port == std::string_view::npos) return;
    const std::string_view rest = line.text.substr(port + kPort.size());
    node.address = rest.substr(0, rest.find(','));
  }

  /// What tells a device from the others on its bus: on PCI and USB the address alone, which only
  /// one can have; elsewhere its type and what of these it has.
  static std::string own_place(const Node& node) {
    if (!node.address.empty()) {
      return (node.shape.type == "virtio-mmio" ? "virtio-mmio " : "port ") + node.address;
    }
    if (!node.root_bus.empty()) {
      return fmt::format("{} bus_nr={}", node.shape.type, node.root_bus);
    }
    const auto& has = node.shape.properties;
    const auto address = has.find("addr");
    if (address != has.end() && address->second.find('.') != std::string::npos) {
      return address->second;
    }
    std::string place = node.shape.type;
    for (const char* key : {"iobase", "index", "address", "unit", "channel", "scsi-id", "lun", "nr",
                            "cad", "devno"}) {
      const auto found = has.find(key);
      if (found == has.end()) continue;
      place += fmt::format(" {}={}", key, found->second.substr(0, found->second.find(' ')));
    }
    return place;
  }

  std::string place_of(std::size_t node) const {
    std::string place;
    for (std::size_t at = node; at != kNone; at = nodes_[at].parent) {
      const Node& one = nodes_[at];
      std::string own = own_place(one);
      if (one.bus > 0) own = fmt::format("bus {} {}", one.bus, own);
      place = place.empty() ? own : own + "/" + place;
    }
    return place;
  }

  std::vector<Node> nodes_;
  std::vector<Level> levels_;
};

Result<Tree> read_tree(std::string_view text) {
  Tree tree;
  while (!text.empty()) GODWIT_CHECK_OK(tree.read(cut_line(text)));
  tree.number_root_buses();
  return tree;
}

void keep_what_counts(DeviceShape& device) {
  for (auto at = device.properties.begin(); at != device.properties.end();) {
    if (is_of_the_host(device.type, at->first)) {
      at = device.properties.erase(at);
    } else {
      at->second = plain(at->first, at->second);
      ++at;
    }
  }
}

}  // namespace

Result<std::vector<DrivePlace>> parse_drives(std::string_view text) {
  GODWIT_TRY(const Tree tree, read_tree(text));
  return tree.drives();
}

Result<std::vector<DeviceShape>> parse_qtree(std::string_view text) {
  GODWIT_TRY(Tree tree, read_tree(text));
  std::vector<DeviceShape> devices = tree.take();
  for (DeviceShape& device : devices) keep_what_counts(device);
  return devices;
}

}  // namespace godwit::hmp
