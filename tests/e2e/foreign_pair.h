#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/lab/guest_report.h"
#include "godwit/qemu/qmp_hypervisor.h"
#include "godwit_program.h"

namespace godwit::e2e {

/// Two QEMUs that "somebody else" started, without any lab: a source with a booted, busy guest and
/// a destination that waits with -incoming defer. Both end with this object.
class ForeignPair {
 public:
  explicit ForeignPair(const std::string& load, const std::string& source_ram = "256M",
                       const std::string& destination_ram = "256M");
  ~ForeignPair();
  ForeignPair(const ForeignPair&) = delete;
  ForeignPair& operator=(const ForeignPair&) = delete;

  [[nodiscard]] std::string source() const { return "qmp:" + folder_.file("src.qmp"); }
  [[nodiscard]] std::string destination() const {
    return "qmp:" + folder_.file("dst.qmp") + "@" + stream_;
  }
  [[nodiscard]] std::string store() const { return folder_.file("outcomes.db"); }
  [[nodiscard]] std::string stream() const { return stream_; }
  [[nodiscard]] pid_t source_pid() const { return source_; }
  [[nodiscard]] pid_t destination_pid() const { return destination_; }

  /// A second monitor of the source, for looking on while godwit holds the first.
  [[nodiscard]] std::unique_ptr<qemu::QmpHypervisor> observe_source();
  [[nodiscard]] std::unique_ptr<qemu::QmpHypervisor> observe_destination();
  /// Returns once the source has sent at least `bytes` of a running migration.
  void await_sent(std::int64_t bytes);
  /// The guest's newest work counter on that side.
  [[nodiscard]] std::int64_t work(Side side);
  /// Returns once the counter on that side has passed `beyond`; false when it does not for long.
  [[nodiscard]] bool works_beyond(Side side, std::int64_t beyond);

 private:
  pid_t start(const std::string& name, const std::string& ram, const std::string& load,
              bool incoming);
  void await_ready();

  RealClock clock_;
  TemporaryFolder folder_;
  std::string stream_;
  pid_t source_ = -1;
  pid_t destination_ = -1;
  std::unique_ptr<lab::LabGuestCheck> check_;
};

}  // namespace godwit::e2e
