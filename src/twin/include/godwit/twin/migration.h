#pragma once

#include <limits>

#include "godwit/model/dirty_curve.h"
#include "godwit/model/phases.h"
#include "godwit/twin/guest.h"

/// QEMU's migration of one guest on a simulated clock: passes over dirty memory, the sync after
/// each, the look whether what is left fits the downtime limit, the switchover, or post-copy.
///
/// Memory is not a bitmap: what is dirty is a point on the guest's dirty curve, so the cost does
/// not depend on the guest's size. A guest in phases has a curve for each, and where on them it is
/// depends on the time. Seconds and bytes as doubles; "stream" bytes are pages as they
/// are sent, other bytes are guest memory. QEMU's sources: migration/migration.c, ram.c,
/// cpu-throttle.c.

namespace godwit::twin {

/// What a technique makes of a page on its way: stream bytes per byte of memory.
struct Coding {
  double first = 1;   ///< of a page with content, in the first pass: the mean
  double end = 1;     ///< of one at the end of RAM (kEndOfRam), which that pass sends last
  double later = 1;   ///< of a page that the guest wrote
  double cached = 1;  ///< XBZRLE: of one whose former content is in its cache
  double cache = 0;   ///< XBZRLE: the cache's size; 0 without
  double zero_mark = 9;
  double cpu_per_byte = 0;  ///< processor time to code a byte of memory
  /// Memory that the sender's processors can code in a second.
  double cpu_rate = std::numeric_limits<double>::infinity();
};

/// QEMU's auto-converge (migration_trigger_throttle; cpu-throttle.c).
struct Throttling {
  bool on = false;
  double trigger = 0.5;  ///< of what was sent in a period, dirtied in it
  double initial = 0.2;
  double increment = 0.1;
  double most = 0.99;
};

struct Sending {
  double rate = 0;         ///< of the passes: stream bytes per second
  double switch_rate = 0;  ///< of what is left, with the guest stopped: no rate limit then
  double postcopy_rate = 0;
  double queued = 0;  ///< seconds until what QEMU called sent is, when the guest is stopped
  double limit = 0;   ///< seconds that sending what is left may take
  /// Stream bytes per second that QEMU reckons with there; 0: what it measured.
  double reckoned_rate = 0;
  double window = 0;  ///< seconds between two looks
  Coding coding;
  Throttling throttling;
};

/// What chance, the host and the guest decide in one run.
struct Course {
  const model::Growth* growth = nullptr;  ///< how the guest writes; outlives the migration
  model::Life* life = nullptr;  ///< how it writes from moment to moment, if that is known; the same
  double life_scale = 1;        ///< factor on what it writes in that life
  double speed = 1;             ///< factor on the stated rates
  /// Where in its range between two looks the threshold is met: 0 = early, 1 = a whole window late.
  double phase = 0.5;
  double data_at_end = 1;     ///< how large the part of data at the end of RAM is, of the usual
  double zero_page_scan = 0;  ///< seconds to find that a page is zero
  double coding = 1;          ///< factor on what a compressor leaves of a page
  double processors = 1;      ///< factor on those that compress
};

enum class Stage {
  kPasses,      ///< the guest runs on the source
  kSwitchover,  ///< it stands still, what is left is sent
  kPostcopy,    ///< it runs on the destination, what is left follows
  kCompleted,
};

struct Progress {
  Stage stage = Stage::kPasses;
  int passes = 0;           ///< that have ended
  double seconds = 0;       ///< since the start
  double stream = 0;        ///< sent since then
  double left = 0;          ///< memory still to send, in this pass or stage
  double step_seconds = 0;  ///< of the running pass or stage; of the last one right after its end
  double step_stream = 0;
  double dirtied = 0;   ///< memory that the guest wrote during the last pass
  double throttle = 0;  ///< share of the vCPUs' time that auto-converge takes
  double lost = 0;      ///< seconds of guest time that it took
};

/// One migration. Deterministic; not thread-safe.
class Migration {
 public:
  /// All rates above 0, `course.growth` not null.
  Migration(const Guest& guest, const Sending& sending, const Course& course);

  /// One that is under way: so many passes have ended, at least one, and `left` bytes of memory
  /// were dirty after the last of them. Its clock and counters start at 0.
  static Migration under_way(const Guest& guest, const Sending& sending, const Course& course,
                             int passes, double left);

  /// Lets time pass until a pass or a stage ends, at most `seconds`. True: one ended; after the end
  /// of a pass, `progress().left` is what is dirty then, and where that fits the downtime limit the
  /// stage is kSwitchover.
  bool run(double seconds = std::numeric_limits<double>::infinity());
  /// Other limits from now on: stream bytes per second of the passes (0: as before), and seconds
  /// that sending what is left may take (0: as before).
  void amend(double rate, double limit);
  /// The vCPUs keep so much of their time from now on.
  void set_quota(double share) { quota_ = share; }
  /// Auto-converge takes so much of it already.
  void set_throttle(double share) { progress_.throttle = share; }
  /// At any time in a pass, also right after one that led to kSwitchover: the guest moves now.
  void start_postcopy();

  [[nodiscard]] const Progress& progress() const { return progress_; }
  /// Seconds into the first pass until so much of RAM, zeros included, has been gone through.
  [[nodiscard]] double seconds_until(double share) const;
  /// Memory that may be left to switch over, by the pace of now.
  [[nodiscard]] double threshold() const;
  /// Stream bytes per byte of what is left.
  [[nodiscard]] double factor() const;
  /// Of what is left, pages that no pass has sent yet, next in order.
  [[nodiscard]] double unsent() const { return cold_; }

 private:
  void begin_pass();
  [[nodiscard]] double goal_of(double all) const;
  void end_pass();
  void begin_step(double left, double sent, double stream, double seconds);
  void elapse(double seconds);
  void live(double seconds);
  void sync(double dirtied);
  void judge();
  [[nodiscard]] double pace(double factor) const;
  [[nodiscard]] double left_at_look(double per_window) const;
  [[nodiscard]] double data_at_end(double bytes) const;
  [[nodiscard]] double data_in_last_parts(double bytes) const;
  [[nodiscard]] double unsent_stream(double memory) const;
  [[nodiscard]] double cached_share() const;
  [[nodiscard]] double guest_speed() const;
  [[nodiscard]] double written(double from, double to) const;
  [[nodiscard]] double written_in_pass(double from, double to) const;
  [[nodiscard]] double age_of(double bytes) const;
  [[nodiscard]] double dirtied_in_first_pass() const;

  Guest guest_;
  Sending sending_;
  Course course_;
  double end_;  ///< data at the end of RAM
  Progress progress_;

  // pages waiting to be sent: those that the guest wrote, and those that were never sent
  double hot_ = 0;
  double cold_ = 0;
  // the running pass or stage
  bool begun_ = false;
  double goal_ = 0;         ///< memory left when it ends
  double length_ = 0;       ///< seconds
  double memory_rate_ = 0;  ///< memory per second, and what that is on the stream
  double stream_rate_ = 0;
  // how long the guest has lived, by its own pace: in all, in this pass, and then when last synced
  double guest_seconds_ = 0;
  double guest_pass_ = 0;
  double guest_synced_ = 0;
  double last_guest_pass_ = 0;
  // auto-converge
  double quota_ = 1;
  double since_sync_ = 0;
  double period_seconds_ = 0;
  double period_stream_ = 0;
  double period_dirtied_ = 0;
  int high_periods_ = 0;
};

}  // namespace godwit::twin
