#pragma once

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "endpoint.h"
#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "path.h"
#include "schedule.h"

namespace godwit::relay {

/// The relay's thread and all that it carries. Nothing of it is shared: whoever wants something
/// posts a call, which runs on that thread.
class RelayLoop {
 public:
  static Result<std::shared_ptr<RelayLoop>> start(Clock& clock, std::optional<BytesPerSecond> link);
  RelayLoop(const RelayLoop&) = delete;
  RelayLoop& operator=(const RelayLoop&) = delete;
  ~RelayLoop();

  /// Runs `ask` on the relay's thread and returns what it returned. Not from that thread.
  template <class Ask>
  auto call(Ask ask) -> std::invoke_result_t<Ask> {
    std::packaged_task<std::invoke_result_t<Ask>()> task(std::move(ask));
    auto answer = task.get_future();
    post([&task] { task(); });
    return answer.get();
  }

  // --- on the relay's thread only ---
  Result<int> add_path(Path::Ends ends, const PathOptions& options);
  void remove_path(int id);
  [[nodiscard]] Path& path(int id) { return *paths_.at(id); }
  [[nodiscard]] Schedule& schedule() { return schedule_; }
  [[nodiscard]] TimePoint now() const { return clock_.now(); }

 private:
  RelayLoop(Clock& clock, std::optional<BytesPerSecond> link, UniqueFd wake);
  void post(std::function<void()> call);
  void run();
  void run_calls();
  void wait();
  /// Gives turns until nobody is ready or allowed. True when it left off for others' sake.
  bool take_turns(TimePoint now);
  void bound_queues(TimePoint now);
  [[nodiscard]] std::optional<Seconds> time_to_next(TimePoint now) const;

  Clock& clock_;
  Epoll epoll_;
  Endpoint wake_;
  Schedule schedule_;
  Schedule::ChannelId last_channel_ = 0;
  int last_path_ = 0;
  std::map<int, std::unique_ptr<Path>> paths_;
  TimePoint bound_at_{};  ///< when queues were bounded last
  bool more_ = false;     ///< to do at once
  bool stopping_ = false;

  std::mutex mutex_;
  std::vector<std::function<void()>> calls_;  ///< guarded by mutex_
  std::thread thread_;                        // last: everything above exists before it runs
};

}  // namespace godwit::relay
