#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "godwit/base/error.h"
#include "godwit/bench/run.h"
#include "godwit/bench/run_header.h"
#include "godwit/engine/places.h"
#include "godwit/store/line_log.h"

namespace godwit::rig {

/// A folder that holds the trials of one run: `run.json` (which work, where measured) and
/// `trials.jsonl` (one trial a line). Whatever ends the process, what was kept stays, and the next
/// one goes on there.
class RunFolder final : public bench::TrialStore {
 public:
  /// Makes the folder for `wanted`, or opens the one that is there: kBadInput when that holds other
  /// work, kBusy while another godwit writes to it.
  static Result<std::unique_ptr<RunFolder>> open(std::filesystem::path folder,
                                                 const bench::RunHeader& wanted);

  /// As it stands in the folder: a run that goes on keeps its first seed.
  [[nodiscard]] const bench::RunHeader& header() const { return header_; }
  /// Numbers of the trials kept before. Broken ones count: what broke is known.
  [[nodiscard]] const std::set<std::int64_t>& done() const { return done_; }

  Result<void> append(const bench::Trial& trial) override;

 private:
  RunFolder(bench::RunHeader header, store::LineLog log)
      : header_(std::move(header)), log_(std::move(log)) {}

  bench::RunHeader header_;
  store::LineLog log_;
  std::set<std::int64_t> done_;
};

/// What is in a folder, whether or not a run goes on in it. kNotFound when it holds no run.
Result<bench::RunHeader> read_header(const std::filesystem::path& folder);
Result<void> read_trials(const std::filesystem::path& folder,
                         const std::function<Result<void>(bench::Trial)>& visit);

/// Where a run goes that is given no place: its name in the user's folder for them.
Result<std::filesystem::path> default_run_folder(const engine::Places& places,
                                                 const std::string& name);

/// A folder of trials by its path, or by the name of a run that was given no place.
Result<std::filesystem::path> named_run_folder(const engine::Places& places,
                                               const std::string& name);

/// This machine, as the header of a run states it.
bench::HostFacts host_facts();

}  // namespace godwit::rig
