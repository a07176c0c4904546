#include "godwit/lab/guest_report.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "godwit/base/json.h"
#include "godwit/base/json_reader.h"
#include "godwit/base/unique_fd.h"

namespace godwit::lab {
namespace {

// How Linux begins what it says when it is unwell (kernel/panic.c, lib/bug.c, watchdog.c,
// arch/x86/kernel/dumpstack.c).
constexpr std::array<std::string_view, 9> kComplaints{"Kernel panic - not syncing",
                                                      "BUG: ",
                                                      "kernel BUG at ",
                                                      "Oops: ",
                                                      "Internal error: ",
                                                      "general protection fault",
                                                      "soft lockup",
                                                      "hard LOCKUP",
                                                      "blocked for more than"};

std::string_view trimmed(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  return line;
}

std::int64_t non_negative(JsonReader& in, std::string_view key) {
  const std::int64_t value = in.integer(key);
  if (value < 0) in.reject(key, "is negative");
  return value;
}

/// A guest image of before it had these keys is as good.
std::int64_t non_negative_or_zero(JsonReader& in, std::string_view key) {
  return in.find(key) == nullptr ? 0 : non_negative(in, key);
}

LoadWork load_work(JsonReader& report, const Json& json) {
  JsonReader in(json, "report.works");
  LoadWork load;
  load.load = in.text("load");
  load.work = non_negative(in, "work");
  for (const auto& [key, count] :
       {std::pair{"lost", &load.lost}, std::pair{"out_of_order", &load.out_of_order}}) {
    if (in.find(key) != nullptr) *count = non_negative(in, key);
  }
  load.failed = in.maybe_text("failed");
  if (in.error()) report.adopt(*in.error());
  return load;
}

}  // namespace

Result<GuestReport> parse_report_line(std::string_view line) {
  GODWIT_TRY(const Json json, parse_json(trimmed(line)));
  JsonReader in(json, "report");
  if (in.integer("v") != 1) in.reject("v", "is not 1");
  GuestReport report;
  const std::string state = in.text("state");
  if (state != "ready" && state != "filling") in.reject("state", "is neither ready nor filling");
  report.ready = state == "ready";
  report.seq = non_negative(in, "seq");
  report.work = non_negative(in, "work");
  report.clock = in.seconds("clock_ms");
  report.longest_gap = in.seconds("longest_gap_ms");
  report.changes = non_negative_or_zero(in, "changes");
  if (in.find("works") != nullptr) {
    const Json* const works = in.array("works");
    if (works != nullptr) {
      for (const Json& work : *works) report.works.push_back(load_work(in, work));
    }
  }
  if (in.error()) return fail(*in.error());
  return report;
}

std::optional<std::string> kernel_complaint(std::string_view console_line) {
  for (const std::string_view complaint : kComplaints) {
    const std::size_t at = console_line.find(complaint);
    if (at != std::string_view::npos) return std::string(trimmed(console_line));
  }
  return std::nullopt;
}

bool waits_to_be_told(std::string_view console_line) {
  return console_line.find("godwit: waits to be told") != std::string_view::npos;
}

Result<GuestReport> newest_report(const std::string& path) {
  constexpr off_t kTail = 65536;  // many lines, and the one that may be torn
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail(errno_error(fmt::format("opening {}", path), errno));
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) {
    return fail(errno_error(fmt::format("reading {}", path), errno));
  }
  std::string tail(static_cast<std::size_t>(std::min(kTail, status.st_size)), '\0');
  const ssize_t got =
      pread(fd.get(), tail.data(), tail.size(), status.st_size - static_cast<off_t>(tail.size()));
  tail.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  std::optional<GuestReport> newest;
  LineFollower().feed(tail, [&newest](std::string_view line) {
    if (auto report = parse_report_line(line)) newest = std::move(*report);
  });
  if (newest) return std::move(*newest);
  return fail(ErrorCode::kNotFound, fmt::format("{} holds no report of a guest", path));
}

LabGuestCheck::Watched LabGuestCheck::watch(Files files) {
  const auto followed = [](std::string path) {
    struct stat status {};
    Followed file;
    if (stat(path.c_str(), &status) == 0) file.offset = status.st_size;
    file.path = std::move(path);
    return file;
  };
  return {followed(std::move(files.console)), followed(std::move(files.report)), {}};
}

LabGuestCheck::LabGuestCheck(Files source, Files destination)
    : source_(watch(std::move(source))), destination_(watch(std::move(destination))) {}

template <class OnLine>
Result<void> LabGuestCheck::follow(Followed& file, OnLine&& on_line) {
  const UniqueFd fd(open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) return {};
    return fail(errno_error(fmt::format("opening {}", file.path), errno));
  }
  struct stat status {};
  // shorter than before: another QEMU began it anew
  if (fstat(fd.get(), &status) == 0 && status.st_size < file.offset) {
    file.offset = 0;
    file.lines = LineFollower();
  }
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t got = pread(fd.get(), buffer.data(), buffer.size(), file.offset);
    if (got < 0) return fail(errno_error(fmt::format("reading {}", file.path), errno));
    if (got == 0) return {};
    file.offset += got;
    file.lines.feed({buffer.data(), static_cast<std::size_t>(got)}, on_line);
  }
}

Result<GuestVitals> LabGuestCheck::look(Side side) {
  Watched& watched = side == Side::kSource ? source_ : destination_;
  GuestVitals& vitals = watched.vitals;
  GODWIT_CHECK_OK(follow(watched.report, [&vitals](std::string_view line) {
    const auto report = parse_report_line(line);
    if (!report) return;  // the first line after we began may be a torn one
    vitals.work = report->work;
    vitals.clock = report->clock;
    vitals.longest_gap = std::max(vitals.longest_gap.value_or(Seconds{0}), report->longest_gap);
  }));
  GODWIT_CHECK_OK(follow(watched.console, [&vitals](std::string_view line) {
    if (!vitals.oops) vitals.oops = kernel_complaint(line);
  }));
  return vitals;
}

}  // namespace godwit::lab
