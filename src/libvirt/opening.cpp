#include "opening.h"

#include <fmt/format.h>
#include <unistd.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "godwit/base/quantity.h"

namespace godwit::libvirt {
namespace {

/// A daemon that says nothing for 20 s is taken for gone; libvirtd's own default is 25 s.
constexpr int kKeepAliveSeconds = 5;
constexpr unsigned kKeepAliveCount = 4;

/// As long as one that was lost is tried (libvirt_move, pair): a daemon that starts needs some
/// seconds.
constexpr Seconds kOpenPatience{30};
/// For a person to type a password, or to look at a host's key.
constexpr Seconds kPersonsPatience{120};

/// By ssh, or by polkit where who asks is an ordinary user.
bool may_ask_a_person(const std::string& uri) {
  const std::string scheme = uri.substr(0, uri.find(':'));
  const bool by_ssh = scheme.find("ssh") != std::string::npos;
  return (by_ssh || ::geteuid() != 0) && ::isatty(STDIN_FILENO) == 1;
}

Error refusal(const Api& api, const std::string& uri) {
  Error error = last_error(api, fmt::format("connecting to {}", uri));
  if (error.code == ErrorCode::kRefused) error.code = ErrorCode::kPeerGone;
  if (error.what_to_do.text().find("libvirtd's log") != std::string::npos) {
    error.what_to_do = fmt::format("see whether the daemon runs: virsh -c '{}' list", uri);
  }
  return error;
}

Error silence(const std::string& uri, Seconds patience) {
  return {ErrorCode::kPeerGone,
          fmt::format("connecting to {}: no answer within {}", uri, human(patience)),
          "see whether its daemon hangs (systemctl status libvirtd), and whether a firewall drops "
          "what is sent there"};
}

/// One call of libvirt's that opens a connection. Nobody can end it, so it has a thread of its own,
/// which shares nothing but this with who waits, and lasts as long as the call.
class Attempt {
 public:
  using End = Result<virConnectPtr>;

  static std::shared_ptr<Attempt> begin(const Api& api, const std::string& uri) {
    auto attempt = std::make_shared<Attempt>();
    std::thread([attempt, &api, uri] { attempt->set(call(api, uri)); }).detach();
    return attempt;
  }

  /// Its end, which is then the caller's; nothing where that does not come in time.
  std::optional<End> await(Seconds patience, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    (void)came_.wait_for(lock, stop, patience, [this] { return end_.has_value(); });
    return std::exchange(end_, std::nullopt);
  }

 private:
  static End call(const Api& api, const std::string& uri) {
    virConnectPtr const opened =
        api.virConnectOpenAuth(uri.c_str(), *api.virConnectAuthPtrDefault, 0);
    if (opened == nullptr) return fail(refusal(api, uri));
    // One that knows no keep-alive (a driver within this process) is never lost.
    (void)api.virConnectSetKeepAlive(opened, kKeepAliveSeconds, kKeepAliveCount);
    return opened;
  }
  void set(End end) {
    {
      const std::scoped_lock lock(mutex_);
      end_ = std::move(end);
    }
    came_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable_any came_;
  std::optional<End> end_;
};

/// Attempts that nobody waits for any more. The next who wants that URI goes on with one of them:
/// so a daemon that hangs for days, and is tried each 5 s, costs one thread.
class LeftBehind {
 public:
  void keep(const std::string& uri, std::shared_ptr<Attempt> attempt) {
    const std::scoped_lock lock(mutex_);
    attempts_.emplace(uri, std::move(attempt));
  }
  /// Null where there is none.
  std::shared_ptr<Attempt> take(const std::string& uri) {
    const std::scoped_lock lock(mutex_);
    const auto found = attempts_.find(uri);
    if (found == attempts_.end()) return nullptr;
    auto attempt = std::move(found->second);
    attempts_.erase(found);
    return attempt;
  }

 private:
  std::mutex mutex_;
  std::multimap<std::string, std::shared_ptr<Attempt>> attempts_;
};

LeftBehind& left_behind() {
  static LeftBehind all;
  return all;
}

/// One that still waits. What others came to meanwhile is of use only as a connection that lives.
struct Begun {
  std::shared_ptr<Attempt> attempt;
  virConnectPtr opened = nullptr;
};
Begun begin_or_go_on(const Api& api, const std::string& uri) {
  while (auto attempt = left_behind().take(uri)) {
    const auto end = attempt->await(Seconds(0), {});
    if (!end) return {std::move(attempt)};
    if (!*end) continue;
    if (api.virConnectIsAlive(**end) == 1) return {nullptr, **end};
    (void)api.virConnectClose(**end);
  }
  return {Attempt::begin(api, uri)};
}

}  // namespace

Result<virConnectPtr> open_within(const Api& api, const std::string& uri, const Opening& how) {
  // looked at before anything begins: what comes from then on counts
  const std::stop_token stop = how.stop.stop_requested() ? std::stop_token() : how.stop;
  Begun begun = begin_or_go_on(api, uri);
  if (begun.opened != nullptr) return begun.opened;
  const Seconds patience =
      how.patience.value_or(may_ask_a_person(uri) ? kPersonsPatience : kOpenPatience);
  if (auto end = begun.attempt->await(patience, stop)) return std::move(*end);
  left_behind().keep(uri, std::move(begun.attempt));
  if (!stop.stop_requested()) return fail(silence(uri, patience));
  return fail(ErrorCode::kInterrupted, fmt::format("stopped while connecting to {}", uri));
}

}  // namespace godwit::libvirt
