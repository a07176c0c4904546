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
#include "godwit/store/line_log.h"

namespace godwit::cli {

/// A folder that holds the trials of one run: `run.json` (which work, where measured) and
/// `trials.jsonl` (one trial a line). Whatever ends the process, what was kept stays, and the next
/// one goes on there.
class BenchFolder final : public bench::TrialStore {
 public:
  /// Makes the folder for `wanted`, or opens the one that is there: kBadInput when that holds other
  /// work, kBusy while another godwit writes to it.
  static Result<std::unique_ptr<BenchFolder>> open(std::filesystem::path folder,
                                                   const bench::RunHeader& wanted);

  /// As it stands in the folder: a run that goes on keeps its first seed.
  [[nodiscard]] const bench::RunHeader& header() const { return header_; }
  /// Numbers of the trials kept before. Broken ones count: what broke is known.
  [[nodiscard]] const std::set<std::int64_t>& done() const { return done_; }

  Result<void> append(const bench::Trial& trial) override;

 private:
  BenchFolder(bench::RunHeader header, store::LineLog log)
      : header_(std::move(header)), log_(std::move(log)) {}

  bench::RunHeader header_;
  store::LineLog log_;
  std::set<std::int64_t> done_;
};

/// What is in a folder, whether or not a run goes on in it. kNotFound when it holds no run.
Result<bench::RunHeader> read_header(const std::filesystem::path& folder);
Result<void> read_trials(const std::filesystem::path& folder,
                         const std::function<Result<void>(bench::Trial)>& visit);

/// `$XDG_DATA_HOME/godwit/bench/NAME`: where a run goes that is given no place.
Result<std::filesystem::path> default_bench_folder(const std::string& name);

/// A folder of trials by its path, or by the name of a run that was given no place.
Result<std::filesystem::path> named_folder(const std::string& name);

/// This machine, as the header of a run states it.
bench::HostFacts host_facts();

}  // namespace godwit::cli
