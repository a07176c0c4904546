#include "godwit/rig/run_folder.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "godwit/base/json.h"
#include "godwit/base/log.h"
#include "godwit/base/proc_file.h"

namespace godwit::rig {
namespace {

namespace fs = std::filesystem;

fs::path header_file(const fs::path& folder) {
  return folder / "run.json";
}
fs::path trials_file(const fs::path& folder) {
  return folder / "trials.jsonl";
}

/// A header is a line of its own log: whole or not there, as every trial.
Result<std::optional<bench::RunHeader>> kept_header(const fs::path& folder) {
  std::optional<bench::RunHeader> header;
  GODWIT_CHECK_OK(
      store::read_lines(header_file(folder), [&](std::string_view line) -> Result<void> {
        GODWIT_TRY(const Json json, parse_json(line));
        GODWIT_TRY(header, bench::header_from_json(json));
        return {};
      }));
  return header;
}

Result<bench::RunHeader> settle_header(const fs::path& folder, const bench::RunHeader& wanted) {
  GODWIT_TRY(const auto kept, kept_header(folder));
  if (!kept) {
    GODWIT_TRY(store::LineLog log, store::LineLog::open(header_file(folder)));
    GODWIT_CHECK_OK(log.append(json_text(bench::to_json(wanted))));
    return wanted;
  }
  if (const auto same = bench::same_work(*kept, wanted); !same) {
    return fail(same.error().while_doing(folder.native()));
  }
  if (!(kept->host == wanted.host)) {
    log::warning("{} was begun on another machine: {}, kernel {}", folder.native(), kept->host.cpu,
                 kept->host.kernel);
  }
  return *kept;
}

}  // namespace

Result<std::unique_ptr<RunFolder>> RunFolder::open(fs::path folder,
                                                   const bench::RunHeader& wanted) {
  // the trials' lock first: it keeps the header from being written twice, too
  GODWIT_TRY(store::LineLog log, store::LineLog::open(trials_file(folder)));
  GODWIT_TRY(bench::RunHeader header, settle_header(folder, wanted));
  std::unique_ptr<RunFolder> opened(new RunFolder(std::move(header), std::move(log)));
  GODWIT_CHECK_OK(read_trials(folder, [&opened](const bench::Trial& trial) -> Result<void> {
    opened->done_.insert(trial.number);
    return {};
  }));
  return opened;
}

Result<void> RunFolder::append(const bench::Trial& trial) {
  return log_.append(json_text(bench::to_json(trial)));
}

Result<bench::RunHeader> read_header(const fs::path& folder) {
  GODWIT_TRY(auto header, kept_header(folder));
  if (header) return std::move(*header);
  return fail(ErrorCode::kNotFound, fmt::format("{} holds no trials", folder.native()),
              "name the folder that godwit bench run or collect named as its store");
}

Result<void> read_trials(const fs::path& folder,
                         const std::function<Result<void>(bench::Trial)>& visit) {
  return store::read_lines(trials_file(folder), [&visit](std::string_view line) -> Result<void> {
    GODWIT_TRY(const Json json, parse_json(line));
    GODWIT_TRY(bench::Trial trial, bench::trial_from_json(json));
    return visit(std::move(trial));
  });
}

Result<fs::path> default_run_folder(const engine::Places& places, const std::string& name) {
  GODWIT_TRY(const fs::path folder, places.bench());
  return folder / name;
}

Result<fs::path> named_run_folder(const engine::Places& places, const std::string& name) {
  std::error_code none;
  if (fs::is_directory(name, none)) return fs::path(name);
  return default_run_folder(places, name);
}

bench::HostFacts host_facts() {
  bench::HostFacts host;
  host.cpu = value_in("/proc/cpuinfo", "model name");
  host.cores = static_cast<int>(std::thread::hardware_concurrency());
  host.memory = kilobytes_in("/proc/meminfo", "MemTotal").value_or(Bytes());
  struct utsname name {};
  if (::uname(&name) == 0) host.kernel = name.release;
  return host;
}

}  // namespace godwit::rig
