#pragma once

#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/lab/lab.h"
#include "lock.h"
#include "state.h"

namespace godwit::lab {

inline constexpr const char* kQemu = "qemu-system-x86_64";
inline constexpr const char* kQemuPackage = "qemu-system-x86";

/// How an instance begins.
struct Beginning {
  std::string
      incoming{};    ///< -incoming: "defer", or "file:PATH" of a stored guest; empty: it boots
  bool told = true;  ///< what to do; a guest that is not waits for it (guest/init)
};

/// The same for a guest's start and for its destinations, but for the host's files and how it
/// begins.
std::vector<std::string> qemu_arguments(const std::string& lab, const GuestRecord& guest,
                                        const std::string& host, const Beginning& beginning,
                                        const std::string& image_cmdline);

/// The kernel command line that the image wants, without a line end.
Result<std::string> read_image_cmdline(const std::string& image);

/// Starts the guest's QEMU on `host`, tap included. It has its QMP sockets when this returns; on
/// error nothing of it is left.
Result<void> start_instance(const LabLock& lock, const GuestRecord& guest, const std::string& host,
                            const Beginning& beginning = {});

/// Ends it and removes its tap and files. Also right for what is partly or not there.
Result<void> end_instance(const LabLock& lock, const GuestRecord& guest, const std::string& host);

/// Its process and files; what the lab's network adds to them is left empty.
Instance qemu_of(const std::string& lab, const GuestRecord& guest, const std::string& host);

/// 0 when there is no such process (any more).
pid_t instance_pid(const std::string& lab, const std::string& guest, const std::string& host);

}  // namespace godwit::lab
