#pragma once

#include <functional>
#include <optional>
#include <string>

#include "godwit/base/error.h"

namespace godwit::lab {

/// A file with the state of a guest that has booted and waits to be told what to do, from which
/// those like it are restored: an emulated processor takes 4 to 8 s of a CPU to boot and a fraction
/// of one to restore. `key` says all that they are alike in. Where there is no such file, `store`
/// writes it; what it can't store is not tried again. Absent where there is none then. The states
/// lie in the user's cache, the newest ones.
std::optional<std::string> booted_state(
    const std::string& key, const std::function<Result<void>(const std::string& file)>& store);

/// It could not be restored.
void forget_booted_state(const std::string& file);

/// For keys: changes with the file.
std::string stamp_of(const std::string& file);

/// For keys: the guest's kernel and what it boots into.
std::string stamp_of_image(const std::string& image);

}  // namespace godwit::lab
