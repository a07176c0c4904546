#include "bench_folder.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "godwit/base/log.h"
#include "godwit/domain/json_text.h"
#include "godwit/store/paths.h"

namespace godwit::cli {
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

/// The value of the first line of a /proc file that begins with `key`.
std::string line_of(const char* path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const auto value = line.find_first_not_of(" \t:", key.size());
    return value == std::string::npos ? std::string() : line.substr(value);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<BenchFolder>> BenchFolder::open(fs::path folder,
                                                       const bench::RunHeader& wanted) {
  // the trials' lock first: it keeps the header from being written twice, too
  GODWIT_TRY(store::LineLog log, store::LineLog::open(trials_file(folder)));
  GODWIT_TRY(bench::RunHeader header, settle_header(folder, wanted));
  std::unique_ptr<BenchFolder> opened(new BenchFolder(std::move(header), std::move(log)));
  GODWIT_CHECK_OK(read_trials(folder, [&opened](const bench::Trial& trial) -> Result<void> {
    opened->done_.insert(trial.number);
    return {};
  }));
  return opened;
}

Result<void> BenchFolder::append(const bench::Trial& trial) {
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

Result<fs::path> default_bench_folder(const std::string& name) {
  GODWIT_TRY(const fs::path outcomes, store::default_store_path(std::getenv));
  return outcomes.parent_path() / "bench" / name;
}

Result<fs::path> named_folder(const std::string& name) {
  std::error_code none;
  if (fs::is_directory(name, none)) return fs::path(name);
  return default_bench_folder(name);
}

bench::HostFacts host_facts() {
  bench::HostFacts host;
  host.cpu = line_of("/proc/cpuinfo", "model name");
  host.cores = static_cast<int>(std::thread::hardware_concurrency());
  host.memory = 1_KiB * std::strtoll(line_of("/proc/meminfo", "MemTotal").c_str(), nullptr, 10);
  struct utsname name {};
  if (::uname(&name) == 0) host.kernel = name.release;
  return host;
}

}  // namespace godwit::cli
