#pragma once

#include <string>

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

/// Call after `down` succeeded, in a process that entered: ends the keeper, and with it the
/// namespaces. Does nothing for root.
Result<void> end_user_lab();

}  // namespace godwit::lab
