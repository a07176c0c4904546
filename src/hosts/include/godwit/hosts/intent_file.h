#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "godwit/base/error.h"
#include "godwit/domain/migration_plan.h"

/// What each VM's move is to keep, as people write it down (docs/evacuating.md).

namespace godwit::hosts {

struct VmIntent {
  Intent intent{};
  bool stays = false;                        ///< where it is
  std::optional<std::int64_t> not_before{};  ///< its move's start; wall clock, microseconds
  std::int64_t priority = 0;                 ///< of moves that wait, those of higher ones go first
  std::string apart{};                       ///< fleet::Wish
  std::string together{};                    ///< likewise; groups that share a VM are one
  std::size_t line = 0;                      ///< where the file names it first; 0: nowhere
};

struct IntentFile {
  std::string name{};                   ///< for people
  VmIntent usual;                       ///< of VMs that the file does not name
  std::map<std::string, VmIntent> vms;  ///< those that it names, whole
  [[nodiscard]] const VmIntent& of(const std::string& vm) const;
};

/// `base`: what holds where the file says nothing. kBadInput with the line: what is not known or
/// can't be meant, a VM that is in two groups to be apart, and groups that contradict each other.
/// Times that have passed are not refused here.
Result<IntentFile> parse_intent_file(std::string_view text, const Intent& base,
                                     std::int64_t now_wall_us);

}  // namespace godwit::hosts
