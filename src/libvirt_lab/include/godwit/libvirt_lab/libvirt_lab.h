#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/base/process.h"
#include "godwit/base/unique_fd.h"
#include "godwit/base/units.h"
#include "godwit/lab/guest_report.h"

namespace godwit::libvirt_lab {

/// A domain that runs the lab's guest, emulated.
struct DomainSpec {
  std::string name = "vm";
  Bytes memory{192LL << 20};
  std::string load = "idle";  ///< as lab::GuestSpec
  std::string kernel{};       ///< more words of its kernel's command line
  std::string devices{};      ///< more of them, as libvirt's XML
};

/// What virsh did.
struct Said {
  bool well = false;
  std::string out;
  std::string err;
};

/// Hosts of libvirt's on one machine, each with a daemon, a network and processes of its own, and
/// disks and guests' files in common. The thread that makes this is on the first host's network for
/// as long as it exists, and so is what it starts.
///
/// Nothing of it is seen outside of a folder for temporary files, which ends with this object, and
/// with this process however that ends. Needs root; an ordinary user who is root in namespaces of
/// his own (lab/user_lab.h) gets hosts with daemons of his session.
class LibvirtLab {
 public:
  /// kEnvironment: a program is missing, or a right. kTimeout, kInterrupted. `clock` outlives it.
  static Result<std::unique_ptr<LibvirtLab>> up(Clock& clock, std::size_t hosts,
                                                const std::stop_token& stop);
  ~LibvirtLab();
  LibvirtLab(const LibvirtLab&) = delete;
  LibvirtLab& operator=(const LibvirtLab&) = delete;

  [[nodiscard]] std::size_t hosts() const { return hosts_.size(); }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  /// A daemon's URI: as somebody names it on its own host, and as the other hosts do.
  [[nodiscard]] std::string uri(std::size_t host) const;
  [[nodiscard]] std::string uri_from_afar(std::size_t host) const;

  /// Defines it, and returns once its load does some work. The first of its kind boots; those
  /// after it go on from where that one was then (lab/booted_state.h).
  Result<void> start_domain(std::size_t host, const DomainSpec& spec, const std::stop_token& stop);
  /// A file with its definition, under another UUID each time.
  [[nodiscard]] Result<std::string> definition(const DomainSpec& spec) const;
  /// What a guest reports, wherever it runs.
  [[nodiscard]] lab::LabGuestCheck::Files files_of(const std::string& domain) const;

  /// As a person on that host. An error only where virsh could not be run.
  Result<Said> virsh(std::size_t host, const std::vector<std::string>& words) const;
  /// Starts the host's daemon (again), and waits until it answers.
  Result<void> start_daemon(std::size_t host, const std::stop_token& stop);

  /// PID 1 of the host, by the numbers of this process.
  [[nodiscard]] pid_t init_of(std::size_t host) const { return hosts_[host].init; }
  /// The host's own folder: run of its daemon, and etc, lib, log and cache with what is `libvirt`
  /// in each.
  [[nodiscard]] const std::string& folder_of(std::size_t host) const { return hosts_[host].folder; }

 private:
  struct Host {
    std::string folder;
    std::unique_ptr<Process> process;
    UniqueFd control;  ///< a line starts the daemon; closed, the host ends
    pid_t init = -1;
  };
  LibvirtLab(Clock& clock, std::string folder);
  Result<void> start_host(const std::stop_token& stop);
  Result<void> connect_hosts();
  Result<void> enter_first();
  [[nodiscard]] std::string file_of(const std::string& definition) const;
  /// The definition of a domain whose guest is told what to do.
  [[nodiscard]] std::string told(const DomainSpec& spec, const std::string& image) const;
  /// Of a domain that is defined so, from a state that was stored when one like it had booted;
  /// false where there is none, and it has to boot.
  Result<bool> restore_domain(std::size_t host, const DomainSpec& spec, const std::string& image,
                              const std::string& definition, const std::stop_token& stop);
  Result<void> store_booted(std::size_t host, DomainSpec spec, const std::string& image,
                            const std::string& to, const std::stop_token& stop);
  Result<void> must_virsh(std::size_t host, const std::vector<std::string>& words) const;

  [[nodiscard]] const char* kind() const { return sessions_ ? "session" : "system"; }

  Clock& clock_;
  std::string folder_;
  bool sessions_;  ///< daemons of an ordinary user's, else the system's
  std::vector<Host> hosts_;
  UniqueFd own_network_;
};

}  // namespace godwit::libvirt_lab
