#include "godwit/store/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "files.h"
#include "godwit/base/clock.h"
#include "godwit/base/json.h"
#include "godwit/base/json_reader.h"
#include "godwit/base/proc_file.h"
#include "godwit/base/process.h"
#include "godwit/base/quantity.h"
#include "godwit/base/unique_fd.h"
#include "godwit/codec/codec.h"

namespace godwit::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDone = "done";

// --- one line ---

Json to_json(const MigrationSettings& settings) {
  Json on = Json::array();
  for (const Capability one : settings.on) on.push_back(to_string(one));
  return Json{{"on", std::move(on)}, {"parameters", godwit::to_json(settings.parameters)}};
}

Result<MigrationSettings> settings_from(const Json& json) {
  JsonReader in(json, "settings");
  MigrationSettings settings;
  if (const Json* on = in.array("on")) {
    for (const Json& name : *on) {
      const auto one = name.is_string() ? capability_from_string(name.get<std::string>())
                                        : std::optional<Capability>();
      if (!one) return fail(ErrorCode::kCorrupt, "settings.on names an unknown capability");
      settings.on.insert(*one);
    }
  }
  const Json* parameters = in.require("parameters");
  if (in.error()) return fail(*in.error());
  GODWIT_TRY(settings.parameters, parameters_from_json(*parameters));
  return settings;
}

Json to_json(const Lease& lease) {
  return Json{{"before", to_json(lease.before)}, {"borrowed", to_json(lease.borrowed)}};
}

Result<std::optional<Lease>> lease_from(JsonReader& entry, std::string_view key) {
  const Json* json = entry.find(key);
  if (json == nullptr) return std::optional<Lease>();
  JsonReader in(*json, std::string(key));
  const Json* before = in.require("before");
  const Json* borrowed = in.require("borrowed");
  if (in.error()) return fail(*in.error());
  Lease lease;
  GODWIT_TRY(lease.before, settings_from(*before));
  GODWIT_TRY(lease.borrowed, settings_from(*borrowed));
  return std::optional(std::move(lease));
}

std::string to_line(const JournalEntry& entry) {
  Json json{{"at", iso8601(entry.wall_us)},
            {"step", entry.step},
            {"source", entry.source},
            {"source_pid", entry.source_pid},
            {"source_started", entry.source_started},
            {"destination", entry.destination},
            {"destination_pid", entry.destination_pid},
            {"destination_started", entry.destination_started},
            {"source_identity", entry.source_identity},
            {"destination_identity", entry.destination_identity}};
  json["id"] = entry.id;
  json["writer_pid"] = entry.writer_pid;
  json["writer_started"] = entry.writer_started;
  json["writer_world"] = entry.writer_world;
  if (entry.source_lease) json["source_lease"] = to_json(*entry.source_lease);
  if (entry.destination_lease) json["destination_lease"] = to_json(*entry.destination_lease);
  if (entry.source_cpu) json["source_cpu"] = godwit::to_json(*entry.source_cpu);
  return json_text(json) + "\n";
}

Result<JournalEntry> from_line(std::string_view line) {
  GODWIT_TRY(const Json json, parse_json(line));
  JsonReader in(json, "entry");
  JournalEntry entry;
  const std::string at = in.text("at");
  entry.step = in.text("step");
  entry.source = in.text("source");
  entry.source_pid = in.integer("source_pid");
  entry.destination = in.text("destination");
  entry.destination_pid = in.integer("destination_pid");
  // absent in what older versions wrote
  entry.id = in.maybe_text("id").value_or("");
  entry.source_started = in.maybe_integer("source_started").value_or(0);
  entry.destination_started = in.maybe_integer("destination_started").value_or(0);
  entry.writer_pid = in.maybe_integer("writer_pid").value_or(0);
  entry.writer_started = in.maybe_integer("writer_started").value_or(0);
  entry.writer_world = in.maybe_text("writer_world").value_or("");
  entry.source_identity = in.maybe_text("source_identity").value_or("");
  entry.destination_identity = in.maybe_text("destination_identity").value_or("");
  if (in.error()) return fail(*in.error());
  GODWIT_TRY(entry.wall_us, parse_iso8601(at));
  GODWIT_TRY(entry.source_lease, lease_from(in, "source_lease"));
  GODWIT_TRY(entry.destination_lease, lease_from(in, "destination_lease"));
  if (const Json* cpu = in.find("source_cpu")) {
    GODWIT_TRY(entry.source_cpu, lent_cpu_from_json(*cpu));
  }
  return entry;
}

/// "20261127T122345.000123Z-4711-1": when, by which process, which of its journals.
std::string new_id() {
  static std::atomic<int> made = 0;
  std::string when = iso8601(RealClock().wall_us());
  when.erase(std::remove_if(when.begin(), when.end(), [](char c) { return c == '-' || c == ':'; }),
             when.end());
  return fmt::format("{}-{}-{}", when, ::getpid(), ++made);
}

// --- the file ---

/// "process 4711 (godwit)": who holds the lock on a file, by /proc/locks, whose lines are
/// "1: FLOCK ADVISORY WRITE 4711 08:01:12345 0 EOF". Whose process can't be seen is "somebody".
std::string holder_of(const struct stat& file) {
  std::ifstream locks("/proc/locks");
  const std::string place =
      fmt::format("{:02x}:{:02x}:{}", major(file.st_dev), minor(file.st_dev), file.st_ino);
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number, kind, mode, access, where;
    std::int64_t pid = 0;
    if (!(words >> number >> kind >> mode >> access >> pid >> where)) continue;
    if (kind != "FLOCK" || where != place || pid <= 0) continue;
    return fmt::format("process {} ({})", pid, program_of(pid));
  }
  return "somebody";
}

Result<void> lock(const UniqueFd& fd, int kind, const fs::path& path, Seconds patience) {
  constexpr Seconds kPause{0.002};
  RealClock clock;
  const TimePoint give_up = clock.now() + patience;
  while (::flock(fd.get(), kind | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return fail(file_error(path, "lock", errno));
    if (clock.now() >= give_up) {
      struct stat file {};
      const std::string holder = ::fstat(fd.get(), &file) == 0 ? holder_of(file) : "somebody";
      return fail(ErrorCode::kBusy,
                  fmt::format("{} keeps {} locked for more than {}", holder, path.native(),
                              human(patience)),
                  "end that process, or set XDG_STATE_HOME to another folder");
    }
    (void)clock.wait_until(clock.now() + kPause, {});
  }
  return {};
}

/// Opens the journal for this process alone, until the descriptor closes.
Result<UniqueFd> open_locked(const fs::path& path, Seconds patience) {
  for (;;) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd.valid()) return fail(file_error(path, "open", errno));
    GODWIT_CHECK_OK(lock(fd, LOCK_EX, path, patience));
    // a compaction may have put another file in its place while we waited
    struct stat mine {};
    struct stat current {};
    if (::fstat(fd.get(), &mine) != 0) return fail(file_error(path, "look at", errno));
    if (::stat(path.c_str(), &current) == 0 && mine.st_dev == current.st_dev &&
        mine.st_ino == current.st_ino) {
      return fd;
    }
  }
}

/// What cannot be kept in the usual place can be kept elsewhere.
Error elsewhere(Error error) {
  if (error.code == ErrorCode::kBusy) return error;  // it says so itself
  if (error.code != ErrorCode::kPermission) error.code = ErrorCode::kEnvironment;
  error.what_to_do = "mend that, or set XDG_STATE_HOME to a folder that can be written";
  return error;
}

// --- the whole ---

Result<std::vector<JournalEntry>> parse_journal(std::string_view text, const fs::path& path) {
  std::vector<JournalEntry> entries;
  std::size_t number = 1;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos;
       text.remove_prefix(end + 1), end = text.find('\n'), ++number) {
    auto entry = from_line(text.substr(0, end));
    if (!entry) {
      return fail(ErrorCode::kCorrupt,
                  fmt::format("{}, line {}: {}", path.native(), number, entry.error().message),
                  "look at the file; once no migration is under way, move it away");
    }
    entries.push_back(std::move(*entry));
  }
  return entries;
}

/// Takes those of finished migrations out.
void drop_done(std::vector<JournalEntry>& entries) {
  for (auto done = entries.begin(); done != entries.end();) {
    if (done->step != kDone) {
      ++done;
      continue;
    }
    const JournalEntry ended = *done;
    const auto kept = std::remove_if(entries.begin(), done + 1, [&](const JournalEntry& entry) {
      return same_migration(entry, ended);
    });
    done = entries.erase(kept, done + 1);
  }
}

/// Puts a file with only the unfinished migrations in the journal's place. The old one is whole
/// until the new one is: a crash in between costs nothing. The caller holds the lock.
Result<void> compact(std::string_view text, const fs::path& path) {
  GODWIT_TRY(auto entries, parse_journal(text, path));
  drop_done(entries);
  std::string kept;
  for (const JournalEntry& entry : entries) kept += to_line(entry);
  const fs::path next = path.native() + ".new";
  const UniqueFd fd(::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return fail(file_error(next, "open", errno));
  const auto written = write_at(fd.get(), kept, 0, next);
  if (!written || ::rename(next.c_str(), path.c_str()) != 0) {
    const Error error = written ? file_error(next, "rename", errno) : written.error();
    ::unlink(next.c_str());
    return fail(error);
  }
  return sync_folder(path);
}

}  // namespace

FileJournal::FileJournal(fs::path path, Seconds patience)
    : path_(std::move(path)), patience_(patience), id_(new_id()) {}

Result<void> FileJournal::check() {
  // As long as one must be for what a migration records: without a newline it is a torn line, which
  // readers leave out, should this process die here.
  constexpr std::size_t kEnough = 16384;
  const auto tried = [this]() -> Result<void> {
    GODWIT_CHECK_OK(prepare_file(path_));
    GODWIT_TRY(const UniqueFd fd, open_locked(path_, patience_));
    GODWIT_TRY(const std::string text, read_all(fd.get(), path_));
    const auto size = static_cast<off_t>(text.size());
    const auto written = write_at(fd.get(), std::string(kEnough, ' '), size, path_);
    if (::ftruncate(fd.get(), size) != 0) return fail(file_error(path_, "write to", errno));
    return written;
  }();
  if (!tried) return fail(elsewhere(tried.error()));
  return {};
}

Result<void> FileJournal::record(const JournalEntry& entry) {
  GODWIT_CHECK_OK(prepare_file(path_));
  GODWIT_TRY(const UniqueFd fd, open_locked(path_, patience_));
  GODWIT_TRY(std::string text, read_all(fd.get(), path_));
  // what is left of a writer that died: nobody was told that it is there
  text.resize(text.rfind('\n') + 1);
  const auto size = static_cast<off_t>(text.size());
  JournalEntry signed_entry = entry;
  if (entry.id.empty()) signed_entry.id = id_;
  if (entry.writer_pid == 0) {
    signed_entry.writer_pid = ::getpid();
    signed_entry.writer_started = process_start(::getpid());
    signed_entry.writer_world = process_world();
  }
  const std::string line = to_line(signed_entry);
  if (::ftruncate(fd.get(), size) != 0) return fail(file_error(path_, "write to", errno));
  if (const auto written = write_at(fd.get(), line, size, path_); !written) {
    if (::ftruncate(fd.get(), size) != 0) return written;  // a torn line, which readers leave out
    return written;
  }
  if (size == 0) GODWIT_CHECK_OK(sync_folder(path_));
  return entry.step == kDone ? compact(text + line, path_) : Result<void>();
}

Result<std::vector<JournalEntry>> read_journal(const fs::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) return std::vector<JournalEntry>();
    return fail(file_error(path, "open", errno));
  }
  // not while somebody mends a torn line; without the lock (a file system that has none, a writer
  // that is stuck) that is too rare to give up for
  (void)lock(fd, LOCK_SH, path, FileJournal::kPatience);
  GODWIT_TRY(const std::string text, read_all(fd.get(), path));
  GODWIT_TRY(auto entries, parse_journal(text, path));
  drop_done(entries);
  return entries;
}

bool same_migration(const JournalEntry& a, const JournalEntry& b) {
  if (!a.id.empty() && !b.id.empty()) return a.id == b.id;
  return a.source == b.source && a.destination == b.destination && a.source_pid == b.source_pid &&
         a.destination_pid == b.destination_pid;
}

}  // namespace godwit::store
