#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>

#include <cerrno>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"

namespace godwit::probe {

inline Result<void> enter_netns(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid())
    return fail(errno_error(fmt::format("opening network namespace {}", path), errno));
  if (setns(fd.get(), CLONE_NEWNET) == 0) return {};
  if (errno == EPERM) {
    return fail(ErrorCode::kPermission,
                fmt::format("entering network namespace {} needs CAP_SYS_ADMIN", path),
                "run it as root, or as the user whose lab it is");
  }
  return fail(errno_error(fmt::format("entering network namespace {}", path), errno));
}

/// Calls `work` (which returns a Result) inside a network namespace. Only a short-lived thread
/// changes its namespace, never the caller's.
template <class Work>
auto in_netns(const std::optional<std::string>& netns, Work work) -> std::invoke_result_t<Work> {
  if (!netns) return work();
  std::optional<std::invoke_result_t<Work>> result;
  std::thread([&] {
    if (auto entered = enter_netns(*netns); !entered) {
      result.emplace(fail(std::move(entered).error()));
    } else {
      result.emplace(work());
    }
  }).join();
  return std::move(*result);
}

}  // namespace godwit::probe
