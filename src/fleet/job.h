#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "godwit/fleet/mover.h"
#include "godwit/fleet/record.h"

/// Private to fleet: one move in a thread of its own, and what it tells the runner.

namespace godwit::fleet {

class Job;

struct JobEvent {
  enum class Kind { kReady, kProgress, kWarning, kEnded };
  Kind kind = Kind::kReady;
  Job* job = nullptr;
  std::optional<control::Progress> progress{};  ///< of kProgress
  std::string text{};                           ///< of kWarning
};

/// From the jobs' threads to the runner's.
class JobEvents {
 public:
  void push(JobEvent event);
  /// The next one; nothing after `patience`, or at a stop request.
  std::optional<JobEvent> next(Seconds patience, const std::stop_token& stop);

 private:
  std::mutex mutex_;
  std::condition_variable_any came_;
  std::deque<JobEvent> events_;
};

class Job final : public MoveWatcher {
 public:
  /// All outlive it. The thread begins with `begin`, and is joined at the end.
  Job(MoveOrder order, std::string run, Mover& mover, Record& record, Clock& clock,
      JobEvents& events);
  ~Job() override;

  void begin();
  void go();      ///< its turn has come
  void leave();   ///< it never does
  void cancel();  ///< as a stop request: what can be ended is ended

  [[nodiscard]] const PlannedMove& move() const { return order_.move; }
  /// Of the runner's thread: it was told to go.
  [[nodiscard]] bool granted() const { return granted_; }
  [[nodiscard]] bool leaves() const { return leaves_; }
  /// Once kEnded was told.
  [[nodiscard]] const Result<MigrationOutcome>& end() const { return end_; }

  // --- the runner's notes ---
  bool streamed = false;  ///< nothing crosses the link any more
  bool overdue = false;   ///< that was said
  TimePoint begun_at{};
  std::optional<TimePoint> ready_at{};
  std::optional<TimePoint> granted_at{};
  std::optional<TimePoint> streamed_at{};

  // --- told by the mover, in the job's thread ---
  Result<void> destination_started(const std::string& monitor) override;
  bool await_turn() override;
  void on_progress(const control::Progress& progress) override;
  void warning(const std::string& text) override;

 private:
  enum class Turn { kWaits, kHas, kNever };
  void set_turn(Turn turn);

  MoveOrder order_;
  std::string run_;
  Mover& mover_;
  Record& record_;
  Clock& clock_;
  JobEvents& events_;
  Result<MigrationOutcome> end_ = MigrationOutcome{};
  bool granted_ = false;
  bool leaves_ = false;
  std::mutex mutex_;
  std::condition_variable turn_came_;
  Turn turn_ = Turn::kWaits;
  std::stop_source stop_;
  std::thread thread_;
};

}  // namespace godwit::fleet
