#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/fleet/record.h"
#include "godwit/store/line_log.h"

namespace godwit::hosts {

/// A file, one JSON object a line. Who has it open is the only one that moves VMs of its fleet.
class FileRecord final : public fleet::Record {
 public:
  /// kBusy: another Godwit has it open. Others as of store::LineLog.
  static Result<std::unique_ptr<FileRecord>> open(const std::filesystem::path& path);
  Result<void> append(const fleet::Entry& entry) override;

 private:
  explicit FileRecord(store::LineLog log) : log_(std::move(log)) {}
  std::mutex mutex_;
  store::LineLog log_;
};

/// None where there is no file. kCorrupt with the line.
Result<std::vector<fleet::Entry>> read_record(const std::filesystem::path& path);

}  // namespace godwit::hosts
