#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "godwit/base/json.h"
#include "godwit/base/unique_fd.h"

namespace godwit::e2e {

/// A monitor that takes commands out of band, which QEMU carries out even while its main loop waits
/// for a guest that waits for a page.
class OutOfBand {
 public:
  explicit OutOfBand(const std::string& path);
  Json answer(const std::string& command);

 private:
  std::string next_line();
  UniqueFd socket_;
};

}  // namespace godwit::e2e
