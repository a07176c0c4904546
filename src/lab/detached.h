#pragma once

#include <functional>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"

/// Processes of the lab's own that outlive the godwit that starts them.

namespace godwit::lab {

/// Starts a process that is nobody's child here, so that it leaves no zombie, and belongs to no
/// terminal. `life` runs in it and does not return before its end; it says by `report` how its
/// beginning went: `detach`, or `tell`. Returns once it has. `what`: for the error, "starting the
/// lab's keeper".
Result<void> start_detached(const std::string& what,
                            const std::function<void(const UniqueFd& report)>& life) noexcept;

/// In such a process: it is called `name` from now on (15 characters), blocks no signals, and has
/// nothing left of the process that started it but `kept`, which are the descriptors 3, 4, ... from
/// then on. Says that all went well. False where it could not.
[[nodiscard]] bool detach(const char* name, const std::vector<int>& kept, const UniqueFd& report);

/// Says why it did not.
void tell(const UniqueFd& report, const Error& error);
/// Says that it did.
[[nodiscard]] bool tell_well(const UniqueFd& report);
/// What a process said until its end.
Result<void> hear(const UniqueFd& report);

/// Waits for a child.
void await_end(pid_t child);

}  // namespace godwit::lab
