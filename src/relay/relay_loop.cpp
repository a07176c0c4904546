#include "relay_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <system_error>
#include <utility>

namespace godwit::relay {
namespace {

/// Between two looks at how long senders' queues may be.
constexpr Seconds kBoundEvery{0.1};
/// Carried in one go before the loop looks for calls and connections: a few milliseconds at most.
constexpr Bytes kMostAtOnce = 8_MiB;

/// Signals are the program's; and a socket that broke is said by an error, not by SIGPIPE.
void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

/// A millisecond late is a millisecond of every requested page. It needs little of a processor, but
/// that at once; whoever may not ask for it goes without.
void be_punctual() {
  constexpr int kNice = -10;
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
}

timespec to_timespec(Seconds time) {
  const double whole = std::min(std::max(time.count(), 0.0), 3600.0);
  timespec spec{};
  spec.tv_sec = static_cast<time_t>(whole);
  spec.tv_nsec = static_cast<long>((whole - static_cast<double>(spec.tv_sec)) * 1e9);
  return spec;
}

}  // namespace

Result<std::shared_ptr<RelayLoop>> RelayLoop::start(Clock& clock,
                                                    std::optional<BytesPerSecond> link) {
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return fail(errno_error("making an event descriptor", errno));
  std::shared_ptr<RelayLoop> loop(new RelayLoop(clock, link, std::move(wake)));
  if (!loop->epoll_.valid() || !loop->epoll_.add(loop->wake_)) {
    return fail(errno_error("waiting on descriptors", errno));
  }
  try {
    loop->thread_ = std::thread([raw = loop.get()] { raw->run(); });
  } catch (const std::system_error& e) {
    return fail(errno_error("starting a thread", e.code().value()));
  }
  return loop;
}

RelayLoop::RelayLoop(Clock& clock, std::optional<BytesPerSecond> link, UniqueFd wake)
    : clock_(clock), wake_(std::move(wake)), schedule_(link) {}

RelayLoop::~RelayLoop() {
  if (!thread_.joinable()) return;
  post([this] { stopping_ = true; });
  thread_.join();
}

void RelayLoop::post(std::function<void()> call) {
  {
    const std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
  }
  (void)::eventfd_write(wake_.fd.get(), 1);
}

void RelayLoop::run() {
  block_signals();
  be_punctual();
  while (!stopping_) {
    wait();
    run_calls();
    const TimePoint now = clock_.now();
    more_ = false;
    for (auto& [id, path] : paths_) more_ = path->progress(now) || more_;
    more_ = take_turns(now) || more_;
    for (auto& [id, path] : paths_) path->remove_ended();
    bound_queues(now);
  }
}

void RelayLoop::wait() {
  const std::optional<Seconds> most = time_to_next(clock_.now());
  const timespec spec = to_timespec(most.value_or(Seconds(0)));
  std::array<epoll_event, 64> events;  // NOLINT(*-member-init): the kernel fills it
  const int count = ::epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                   most ? &spec : nullptr, nullptr);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    static_cast<Endpoint*>(event.data.ptr)->note(event.events);
  }
}

void RelayLoop::run_calls() {
  if (!std::exchange(wake_.readable, false)) return;
  eventfd_t count = 0;
  (void)::eventfd_read(wake_.fd.get(), &count);
  std::vector<std::function<void()>> calls;
  {
    const std::lock_guard lock(mutex_);
    calls.swap(calls_);
  }
  for (const auto& one : calls) one();
}

bool RelayLoop::take_turns(TimePoint now) {
  Bytes asked{};
  while (const auto turn = schedule_.next(now)) {
    const auto path = std::find_if(paths_.begin(), paths_.end(),
                                   [&](const auto& one) { return one.second->has(turn->channel); });
    path->second->turn(*turn, now);
    asked += turn->most;
    if (asked > kMostAtOnce) return true;
  }
  return false;
}

void RelayLoop::bound_queues(TimePoint now) {
  if (now - bound_at_ < kBoundEvery) return;
  bound_at_ = now;
  for (auto& [id, path] : paths_) path->bound_queues(now);
}

std::optional<Seconds> RelayLoop::time_to_next(TimePoint now) const {
  if (more_) return Seconds(0);
  std::optional<TimePoint> earliest = schedule_.opens_at();
  const auto consider = [&earliest](TimePoint time) {
    if (!earliest || time < *earliest) earliest = time;
  };
  for (const auto& [id, path] : paths_) {
    if (const auto due = path->next_due()) consider(*due);
    if (!path->idle()) consider(bound_at_ + kBoundEvery);
  }
  if (!earliest) return std::nullopt;
  return std::max(*earliest - now, Seconds(0));
}

Result<int> RelayLoop::add_path(Path::Ends ends, const PathOptions& options) {
  const int id = last_path_ + 1;
  const Path::Within within{epoll_, schedule_, last_channel_};
  GODWIT_TRY(auto path, Path::make(std::move(ends), options, id, within, now()));
  schedule_.add_path(id, options.rate, options.weight);
  paths_.emplace(id, std::move(path));
  last_path_ = id;
  return id;
}

void RelayLoop::remove_path(int id) {
  paths_.at(id)->cut();
  paths_.erase(id);
  schedule_.remove_path(id);
}

}  // namespace godwit::relay
