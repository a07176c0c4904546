#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/domain/ports.h"

namespace godwit::lab {

/// One of several loads, or one that counts more than its work.
struct LoadWork {
  std::string load;       ///< its kind: "memory-write"
  std::int64_t work = 0;  ///< since it began
  std::optional<std::int64_t> lost{};
  std::optional<std::int64_t> out_of_order{};
  std::optional<std::string> failed{};  ///< why it does nothing any more
  friend bool operator==(const LoadWork&, const LoadWork&) = default;
};

/// One line of the guest's report (format version 1, see guest/README.md).
struct GuestReport {
  bool ready = false;  ///< its memory is filled and the load runs
  std::int64_t seq = 0;
  Seconds clock{};                ///< the guest's monotonic clock
  std::int64_t work = 0;          ///< of all loads since the guest booted; never less than before
  Seconds longest_gap{};          ///< of the guest's clock, since the line before
  std::int64_t changes = 0;       ///< how often its loads were begun anew
  std::vector<LoadWork> works{};  ///< empty for a single load that counts nothing else
  friend bool operator==(const GuestReport&, const GuestReport&) = default;
};

/// Pure. kCorrupt for a line that is no report.
Result<GuestReport> parse_report_line(std::string_view line);

/// The newest whole line of a report file. kNotFound when there is none yet.
Result<GuestReport> newest_report(const std::string& path);

/// What a guest's kernel complained of, if this console line is such a complaint (oops, panic,
/// BUG, lockup); otherwise nothing. Pure.
std::optional<std::string> kernel_complaint(std::string_view console_line);

/// Whether a guest says by this line of its console that it has booted and waits for what to do.
/// Pure.
bool waits_to_be_told(std::string_view console_line);

/// Follows one file that grows by lines: each call gives what came since the last one, whole lines
/// only (a torn last line waits for its rest). Pure but for the bytes handed in.
class LineFollower {
 public:
  /// Calls `on_line(std::string_view)` for each line completed by `bytes`. Lines above 64 KiB are
  /// cut: no such line is a report.
  template <class OnLine>
  void feed(std::string_view bytes, OnLine&& on_line) {
    for (const char c : bytes) {
      if (c == '\n') {
        on_line(std::string_view(partial_));
        partial_.clear();
      } else if (partial_.size() < kLongestLine) {
        partial_.push_back(c);
      }
    }
  }

 private:
  static constexpr std::size_t kLongestLine = 65536;
  std::string partial_;
};

/// The vitals of a lab guest, from the report and console files of both its instances.
/// `longest_gap` and `oops` cover what was written since this object was made, or, for a file that
/// did not exist then, all of it. A missing file gives absent values, no error. Not thread-safe.
class LabGuestCheck final : public GuestCheck {
 public:
  struct Files {
    std::string console;
    std::string report;
  };
  LabGuestCheck(Files source, Files destination);
  Result<GuestVitals> look(Side side) override;

 private:
  struct Followed {
    std::string path;
    std::int64_t offset = 0;
    LineFollower lines;
  };
  struct Watched {
    Followed console;
    Followed report;
    GuestVitals vitals;
  };
  static Watched watch(Files files);
  template <class OnLine>
  static Result<void> follow(Followed& file, OnLine&& on_line);

  Watched source_;
  Watched destination_;
};

}  // namespace godwit::lab
