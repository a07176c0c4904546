#pragma once

#include <string>

#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"

namespace godwit::lab {

/// The right to change one lab: a lock on its folder, given up by closing it or dying. Children
/// that change the lab inherit the descriptor, so the lock outlives a killed godwit until the last
/// of them is done.
class LabLock {
 public:
  /// Makes the folder if `create`; else kNotFound without it. kBusy when another godwit keeps it
  /// locked for longer than such a child takes.
  static Result<LabLock> acquire(const std::string& lab, bool create);

  [[nodiscard]] const std::string& lab() const { return lab_; }
  [[nodiscard]] int fd() const { return folder_.get(); }

 private:
  LabLock(std::string lab, UniqueFd folder) : lab_(std::move(lab)), folder_(std::move(folder)) {}

  std::string lab_;
  UniqueFd folder_;
};

}  // namespace godwit::lab
