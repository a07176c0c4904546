#pragma once

#include <memory>
#include <string>

#include "godwit/qemu/qmp_hypervisor.h"
#include "qemu_pair.h"

namespace godwit::e2e {

/// Two QEMUs that somebody else started, without any lab: a source with a busy guest and a
/// destination that waits with -incoming defer, as Godwit's own ports see them.
class ForeignPair : public QemuPair {
 public:
  explicit ForeignPair(const std::string& load, const std::string& source_ram = "256M",
                       const std::string& destination_ram = "256M")
      : QemuPair(
            {.load = load, .source = {"-m", source_ram}, .destination = {"-m", destination_ram}}) {}

  [[nodiscard]] std::string store() const { return file("outcomes.db"); }
  [[nodiscard]] std::string spare_source() const { return "qmp:" + file("src.spare"); }

  /// By its spare monitor, while Godwit holds the first.
  [[nodiscard]] std::unique_ptr<qemu::QmpHypervisor> observe_source() { return observe("src"); }
  [[nodiscard]] std::unique_ptr<qemu::QmpHypervisor> observe_destination() {
    return observe("dst");
  }

 private:
  std::unique_ptr<qemu::QmpHypervisor> observe(const std::string& side) {
    auto connected = qemu::QmpHypervisor::connect(file(side + ".spare"), clock_);
    if (!connected) throw std::runtime_error(connected.error().message);
    return std::move(*connected);
  }

  RealClock clock_;
};

}  // namespace godwit::e2e
