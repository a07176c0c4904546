#pragma once

#include <string_view>

/// By what a process is known to be a QEMU that whoever is connected to one of its sockets
/// commands. Pure. The words come from a process that may be anybody's: what is not plainly so is
/// not so.

namespace godwit::guestmem {

/// `path`: of a process's program, as /proc/PID/exe tells it; also one that has been replaced
/// since.
[[nodiscard]] bool is_qemu_program(std::string_view path);

/// Whether a QEMU with that command line (/proc/PID/cmdline: each word ends with a zero byte)
/// serves QMP at the UNIX socket of that path, which stands there as it does here: by -qmp or
/// -qmp-pretty, or by -chardev and -mon. A path with a comma is not found.
[[nodiscard]] bool serves_qmp_at(std::string_view command_line, std::string_view path);

}  // namespace godwit::guestmem
