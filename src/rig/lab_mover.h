#pragma once

#include <string>

#include "godwit/control/cold_migration.h"

namespace godwit::rig {

/// Moves a lab's guest cold.
class LabMover final : public control::ColdMover {
 public:
  /// The guest's home and where it shall go; `zstd`: its disk travels compressed.
  LabMover(std::string lab, std::string guest, std::string here, std::string there, bool zstd);

  Result<void> shut_down() override;
  Result<void> copy_disks(Seconds patience, const OnCopied& on_copied,
                          std::stop_token stop) override;
  Result<void> boot(Side side) override;
  Result<bool> runs_at_source() override;

 private:
  std::string lab_;
  std::string guest_;
  std::string here_;
  std::string there_;
  bool zstd_;
};

}  // namespace godwit::rig
