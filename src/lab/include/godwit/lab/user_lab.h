#pragma once

#include <string>
#include <vector>

#include "godwit/base/error.h"

namespace godwit::lab {

enum class EnterMode {
  kCreate,  ///< for whoever will call `up`
  kJoin,    ///< for all others: kNotFound when the user has no such lab
};

/// For an ordinary user: creates or joins the user, mount and network namespaces that this lab of
/// theirs lives in, after which everything works as it does for root (their own user is root
/// there; /run is private). A small keeper process holds them. For root it does nothing.
/// Must be called before the process has a second thread, and once. kEnvironment with the setting
/// to change where the system forbids user namespaces.
Result<void> enter_user_lab(const std::string& lab, EnterMode mode);

/// For a process that entered, after `down` or when there was nothing to build: ends the keeper,
/// and with it the namespaces. Does nothing while anything of the lab is left, and for root.
Result<void> end_user_lab();

/// `down` and `end_user_lab` for a process that has not entered: an ordinary user's lab is entered
/// by a child process, so that several can follow each other and threads don't matter. Right also
/// without a lab.
Result<void> down_user_lab(const std::string& lab);

/// All labs of whoever asks, sorted; call it without having entered one. For root it is `list`; for
/// an ordinary user those that have a keeper, or guests whose keeper was killed.
Result<std::vector<std::string>> list_user_labs();

}  // namespace godwit::lab
