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
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"

namespace godwit::lab {

/// Moves the calling thread into a network namespace.
Result<void> enter_netns(const std::string& path);

/// Names under /run/netns that begin with `prefix`, sorted.
std::vector<std::string> netns_names(const std::string& prefix);

/// As the links in /proc/PID/ns read: "net:[4026531840]". Empty without such a name.
std::string namespace_of(const std::string& name);

/// Removes the name; the namespace ends with its last process.
Result<void> remove_netns(const std::string& name);

/// Calls `work` (which returns a Result) inside a network namespace. Only a short-lived thread
/// changes its namespace, never the caller's; a child that it starts is born in there.
template <class Work>
auto in_netns(const std::optional<std::string>& path, Work work) -> std::invoke_result_t<Work> {
  if (!path) return work();
  std::optional<std::invoke_result_t<Work>> result;
  std::thread([&] {
    if (auto entered = enter_netns(*path); !entered) {
      result.emplace(fail(std::move(entered).error()));
    } else {
      result.emplace(work());
    }
  }).join();
  return std::move(*result);
}

}  // namespace godwit::lab
