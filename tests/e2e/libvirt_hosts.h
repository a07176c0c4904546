#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/domain/ports.h"
#include "godwit/libvirt_lab/libvirt_lab.h"
#include "godwit_program.h"

namespace godwit::e2e {

/// Hosts of libvirt's on one machine (libvirt_lab), and what tests do to them: real libvirtd, real
/// QEMU (emulated), the lab's guest. Its process is the test's own: state is kept in its folder.
///
/// Needs root, libvirtd and virsh. Its functions throw where something fails that must not.
class LibvirtHosts {
 public:
  static constexpr const char* kLoad = "memory-write,set=32MiB,rate=5MB/s,fill=32MiB";
  /// Two hosts, and a domain "vm" that works on the first.
  explicit LibvirtHosts(const std::string& load = kLoad);
  /// So many hosts, without a domain.
  explicit LibvirtHosts(std::size_t hosts);
  ~LibvirtHosts();
  LibvirtHosts(const LibvirtHosts&) = delete;
  LibvirtHosts& operator=(const LibvirtHosts&) = delete;

  /// Empty where it can run here; else why it can't.
  [[nodiscard]] static std::string why_not();

  [[nodiscard]] std::string uri(Side side) const;
  [[nodiscard]] std::string vm(Side side) const { return "libvirt:" + uri(side) + "#vm"; }
  [[nodiscard]] std::string destination() const { return "libvirt:" + uri(Side::kDestination); }
  [[nodiscard]] std::string store() const { return lab_->folder() + "/store.db"; }
  [[nodiscard]] const libvirt_lab::LibvirtLab& lab() const { return *lab_; }

  /// `godwit migrate` from the first to the second, without a profile.
  [[nodiscard]] std::vector<std::string> migrate(const std::vector<std::string>& more) const;
  /// The same, under way, and so slow that something can be done in the middle: 192 MiB take
  /// minutes.
  [[nodiscard]] std::unique_ptr<GodwitProgram> begin(std::vector<std::string> more);

  /// A domain on a host, which works when this returns.
  void start(std::size_t host, const libvirt_lab::DomainSpec& spec);
  /// As a person at that host. Throws where virsh fails; `try_virsh` gives what it said instead.
  std::string virsh(std::size_t host, const std::vector<std::string>& words);
  Finished try_virsh(std::size_t host, const std::vector<std::string>& words);
  std::string virsh(Side side, const std::vector<std::string>& words) {
    return virsh(index(side), words);
  }
  Finished try_virsh(Side side, const std::vector<std::string>& words) {
    return try_virsh(index(side), words);
  }
  /// "running (migrated)"; "none" where there is no such domain.
  [[nodiscard]] std::string state(std::size_t host, const std::string& domain);
  [[nodiscard]] std::string state(Side side) { return state(index(side), "vm"); }
  /// Each of these domains' one host, by the daemons' word; -1 where it runs at none or at several.
  [[nodiscard]] std::vector<int> places(const std::vector<std::string>& domains);
  void await_state(Side side, const std::string& begin);
  void await_job();
  void await_no_job();
  /// The migration has sent so much at least.
  void await_sent(double mib);

  /// A file with a domain of that name, to be defined.
  [[nodiscard]] std::string another_domain(const std::string& name);
  /// On that host the folder of the guests' consoles and reports can't be written.
  void hide_console(Side side);

  void kill_daemon(Side side);
  /// It takes connections and does not answer, until it is continued.
  void stop_daemon(Side side) { signal_daemon(side, "-STOP"); }
  void continue_daemon(Side side) { signal_daemon(side, "-CONT"); }
  void start_daemon(Side side);
  /// Ends the QEMU that runs, or waits for, the domain on that host: no daemon asked it to.
  void kill_qemu(Side side);

  /// Runs a program among a host's processes, mounts and network. Throws where it fails; `try_on`
  /// gives what it said instead.
  void on(std::size_t host, const std::vector<std::string>& words);
  Finished try_on(std::size_t host, const std::vector<std::string>& words);

  /// The QEMU that runs the domain on the first host, as long as there is no other of it.
  [[nodiscard]] pid_t qemu();

  /// The guest's counter of work goes up, wherever it runs.
  [[nodiscard]] bool works(const std::string& domain = "vm");

 private:
  void signal_daemon(Side side, const char* signal);
  static std::size_t index(Side side) { return side == Side::kSource ? 0 : 1; }
  RealClock clock_;
  std::unique_ptr<libvirt_lab::LibvirtLab> lab_;
  std::string state_home_;  ///< where state was kept before
};

}  // namespace godwit::e2e
