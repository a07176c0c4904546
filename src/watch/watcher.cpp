#include "godwit/watch/watcher.h"

#include <fmt/format.h>

#include <atomic>
#include <list>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "godwit/base/log.h"

namespace godwit::watch {
namespace {

/// Trying again won't mend it.
bool is_final(const Error& error) {
  switch (error.code) {
    case ErrorCode::kEnvironment:
    case ErrorCode::kPermission:
    case ErrorCode::kUnsupported:
    case ErrorCode::kBadInput:
      return true;
    default:
      return false;
  }
}

/// Tells an onlooker of one migration, while it holds the lock that all threads share.
class Teller final : public engine::Observer {
 public:
  Teller(std::mutex& telling, Onlooker& onlooker, const Followed& one)
      : telling_(telling), onlooker_(onlooker), one_(one) {}

  void warning(const std::string& text) override {
    const std::scoped_lock lock(telling_);
    begin();
    onlooker_.warning(one_, text);
  }
  void on_migrating(const control::Progress& now) override {
    const std::scoped_lock lock(telling_);
    begin();
    onlooker_.on_progress(one_, now);
  }
  void on_event(const control::RunEvent& event) override {
    const std::scoped_lock lock(telling_);
    begin();
    onlooker_.on_event(one_, event);
  }
  void end(const MigrationOutcome& outcome) {
    const std::scoped_lock lock(telling_);
    begin();
    onlooker_.ended(one_, outcome);
  }

 private:
  void begin() {
    if (!std::exchange(begun_, true)) onlooker_.began(one_);
  }

  std::mutex& telling_;
  Onlooker& onlooker_;
  const Followed& one_;
  bool begun_ = false;
};

}  // namespace

/// What the threads of one run share.
class Watcher::Run {
 public:
  Run(Watcher& watcher, const std::stop_token& stop)
      : w_(watcher), on_stop_(stop, [this] { end_.request_stop(); }) {}

  Result<void> watch(const std::vector<Target>& targets);

 private:
  /// Of a migration that leaves a host.
  struct Follower {
    std::string uuid;
    std::atomic<bool> done{false};
    std::jthread thread{};
  };

  void watch_vm(const VmAddress& vm);
  Error stay_with(engine::Engine& engine, engine::OpenVm& opened, const std::string& name);
  void watch_host(const LibvirtHost& host);
  Error stay_at(HostLookout& lookout, const LibvirtHost& host, std::list<Follower>& followers);
  void follow_departure(const LibvirtHost& host, const libvirt::Departure& one);
  void follow(engine::Engine& engine, engine::OpenVm& opened, const Followed& one);

  enum class Reach { kNever, kReached, kLost };
  void tell_reached(const std::string& target, Reach& reach);
  /// False where it is of no use to try again.
  bool tell_lost(const std::string& target, const Error& why, Reach& reach);
  void await_retry() { (void)w_.clock_.wait_until(w_.clock_.now() + w_.pace_.retry_every, stop()); }
  [[nodiscard]] std::stop_token stop() const { return end_.get_token(); }
  [[nodiscard]] bool stopped() const { return end_.stop_requested(); }

  Watcher& w_;
  std::stop_source end_;
  std::stop_callback<std::function<void()>> on_stop_;
  std::mutex telling_;
  std::optional<Error> failed_;
};

Result<void> Watcher::Run::watch(const std::vector<Target>& targets) {
  {
    std::vector<std::jthread> threads;
    for (const Target& target : targets) {
      threads.emplace_back([this, &target] {
        if (const auto* const host = std::get_if<LibvirtHost>(&target)) return watch_host(*host);
        watch_vm(std::get<VmAddress>(target));
      });
    }
  }
  if (failed_) return fail(*failed_);
  return {};
}

// --- one VM ---

void Watcher::Run::watch_vm(const VmAddress& vm) {
  const std::string name = to_string(vm);
  for (Reach reach = Reach::kNever; !stopped(); await_retry()) {
    const auto engine = w_.engines_(stop());
    auto opened = engine->open(vm, engine::Access::kObserve);
    if (opened) tell_reached(name, reach);
    const Error why = opened ? stay_with(*engine, *opened, name) : std::move(opened).error();
    if (!tell_lost(name, why, reach)) return;
  }
}

/// Until it can't be asked any more, or a stop request.
Error Watcher::Run::stay_with(engine::Engine& engine, engine::OpenVm& opened,
                              const std::string& name) {
  const Followed one{name, name, opened.description.identity};
  while (true) {
    const auto under_way = engine.await_migration(opened, false);
    const bool receives = !under_way && under_way.error().code == ErrorCode::kBadInput;
    if (!under_way && !receives) return under_way.error();
    if (!receives && *under_way) follow(engine, opened, one);
    if (!w_.clock_.wait_until(w_.clock_.now() + w_.pace_.vm_every, stop())) {
      return {ErrorCode::kInterrupted, "nobody watches any more", ""};
    }
  }
}

/// One that is over before it could be joined is not told of.
void Watcher::Run::follow(engine::Engine& engine, engine::OpenVm& opened, const Followed& one) {
  Teller teller(telling_, w_.onlooker_, one);
  const auto outcome = engine.watch(opened, w_.intent_, teller);
  if (stopped()) return;
  if (outcome) return teller.end(*outcome);
  log::debug("{}: {}", one.vm, outcome.error().message);
}

// --- a host ---

/// Those that are followed are seen to their end, while a daemon that was lost is asked again.
void Watcher::Run::watch_host(const LibvirtHost& host) {
  std::list<Follower> followers;
  for (Reach reach = Reach::kNever; !stopped(); await_retry()) {
    auto lookout = w_.lookouts_(host);
    if (lookout) tell_reached(host.uri, reach);
    const Error why = lookout ? stay_at(**lookout, host, followers) : std::move(lookout).error();
    if (!tell_lost(host.uri, why, reach)) return;
  }
}

/// Until the daemon is lost, or a stop request.
Error Watcher::Run::stay_at(HostLookout& lookout, const LibvirtHost& host,
                            std::list<Follower>& followers) {
  while (!stopped()) {
    followers.remove_if([](const Follower& one) { return one.done.load(); });
    std::set<std::string> known;
    for (const Follower& one : followers) known.insert(one.uuid);
    const auto leaving = lookout.look(known);
    if (!leaving) return leaving.error();
    for (const libvirt::Departure& one : *leaving) {
      Follower& follower = followers.emplace_back();
      follower.uuid = one.uuid;
      follower.thread = std::jthread([this, &host, &follower, one] {
        follow_departure(host, one);
        follower.done = true;
      });
    }
    const TimePoint now = w_.clock_.now();
    (void)w_.clock_.wait_until(now + w_.pace_.host_at_most_every, stop());
    lookout.wait(now + w_.pace_.host_every, stop());
  }
  return {ErrorCode::kInterrupted, "nobody watches any more", ""};
}

void Watcher::Run::follow_departure(const LibvirtHost& host, const libvirt::Departure& one) {
  const auto engine = w_.engines_(stop());
  auto opened = engine->open(LibvirtVm{host.uri, one.uuid}, engine::Access::kObserve);
  if (!opened) {
    log::debug("{} at {}: {}", one.name, host.uri, opened.error().message);
    return;
  }
  const std::string name = godwit::to_string(VmAddress(LibvirtVm{host.uri, one.name}));
  follow(*engine, *opened, {name, host.uri, opened->description.identity});
}

// --- telling ---

void Watcher::Run::tell_reached(const std::string& target, Reach& reach) {
  reach = Reach::kReached;
  const std::scoped_lock lock(telling_);
  w_.onlooker_.reached(target);
}

bool Watcher::Run::tell_lost(const std::string& target, const Error& why, Reach& reach) {
  if (stopped()) return false;
  const std::scoped_lock lock(telling_);
  if (reach == Reach::kNever && is_final(why)) {
    if (!failed_) failed_ = why.while_doing(target);
    end_.request_stop();
    return false;
  }
  if (std::exchange(reach, Reach::kLost) != Reach::kLost) w_.onlooker_.lost(target, why);
  return true;
}

// --- the whole ---

Watcher::Watcher(Clock& clock, EngineMaker engines, LookoutMaker lookouts, Intent intent,
                 Onlooker& onlooker, Pace pace)
    : clock_(clock),
      engines_(std::move(engines)),
      lookouts_(std::move(lookouts)),
      intent_(std::move(intent)),
      onlooker_(onlooker),
      pace_(pace) {}

Result<void> Watcher::run(const std::vector<Target>& targets, const std::stop_token& stop) {
  return Run(*this, stop).watch(targets);
}

}  // namespace godwit::watch
