#pragma once

#include <sys/types.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/unique_fd.h"
#include "godwit/domain/ports.h"
#include "godwit/lab/guest_report.h"
#include "godwit_program.h"

namespace godwit::e2e {

/// Two hosts of libvirt's on one machine, each with its own daemon, and a domain that runs on the
/// first: real libvirtd, real QEMU (emulated), the lab's guest. The thread that makes this is on
/// the first host's network for as long as it exists, and so is what it starts.
///
/// Needs root, libvirtd and virsh. Everything ends with this object, and with the test's process
/// however that ends, but for the folder, which the next one removes.
class LibvirtHosts {
 public:
  /// `load`: of the guest, as the lab's.
  explicit LibvirtHosts(const std::string& load = "memory-write,set=32MiB,rate=5MB/s,fill=32MiB");
  ~LibvirtHosts();
  LibvirtHosts(const LibvirtHosts&) = delete;
  LibvirtHosts& operator=(const LibvirtHosts&) = delete;

  /// Empty where it can run here; else why it can't.
  [[nodiscard]] static std::string why_not();

  [[nodiscard]] std::string uri(Side side) const;
  [[nodiscard]] std::string vm(Side side) const { return "libvirt:" + uri(side) + "#vm"; }
  [[nodiscard]] std::string destination() const { return "libvirt:" + uri(Side::kDestination); }
  [[nodiscard]] std::string store() const { return folder_ + "/store.db"; }

  /// `godwit migrate` from the first to the second, without a profile.
  [[nodiscard]] std::vector<std::string> migrate(const std::vector<std::string>& more) const;

  /// As a person at that host. Throws where virsh fails; `try_virsh` gives what it said instead.
  std::string virsh(Side side, const std::vector<std::string>& words);
  Finished try_virsh(Side side, const std::vector<std::string>& words);
  /// "running (migrated)"; "none" where there is no such domain.
  [[nodiscard]] std::string state(Side side);
  void await_state(Side side, const std::string& begin);
  void await_no_job();
  /// The migration has sent so much at least.
  void await_sent(double mib);

  /// A file with a domain of that name, to be defined.
  [[nodiscard]] std::string another_domain(const std::string& name, const std::string& uuid);
  /// On that host the folder of the guest's console and report can't be written.
  void hide_console(Side side);

  void kill_daemon(Side side);
  void start_daemon(Side side);

  /// The guest's counter of work goes up, wherever it runs.
  [[nodiscard]] bool works();

 private:
  struct Host {
    pid_t unshare = -1;  ///< what the test's process started
    pid_t init = -1;     ///< PID 1 of its namespaces, as this host numbers it
    std::string folder;
  };
  static std::size_t index(Side side) { return side == Side::kSource ? 0 : 1; }
  void start_host(Side side);
  void lay_cable();
  [[nodiscard]] std::int64_t work();
  void end();

  RealClock clock_;
  std::string folder_;
  std::array<Host, 2> hosts_;
  UniqueFd own_network_;
  std::unique_ptr<lab::LabGuestCheck> check_;
};

}  // namespace godwit::e2e
