#include "forwarder.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <list>
#include <new>
#include <stdexcept>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/base/unique_fd.h"
#include "patience.h"

namespace godwit::e2e {
namespace {

constexpr int kTickMs = 5;
constexpr std::size_t kChunk = 65536;

bool is_path(const std::string& address) {
  return address.find('/') != std::string::npos;
}

/// Sockets made from here on belong to that namespace, wherever the process goes later.
bool enter(const std::string& netns) {
  if (netns.empty()) return true;
  const UniqueFd space(::open(("/run/netns/" + netns).c_str(), O_RDONLY | O_CLOEXEC));
  return space.valid() && ::setns(space.get(), CLONE_NEWNET) == 0;
}

template <class Use>
auto with_address(const std::string& address, Use use) {
  if (is_path(address)) {
    sockaddr_un path{};
    path.sun_family = AF_UNIX;
    address.copy(path.sun_path, sizeof path.sun_path - 1);
    return use(AF_UNIX, reinterpret_cast<const sockaddr*>(&path), socklen_t{sizeof path});
  }
  sockaddr_in port{};
  port.sin_family = AF_INET;
  port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  port.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address)));
  return use(AF_INET, reinterpret_cast<const sockaddr*>(&port), socklen_t{sizeof port});
}

UniqueFd listen_at(const ForwardEnd& end) {
  if (!enter(end.netns)) return {};
  if (is_path(end.address)) ::unlink(end.address.c_str());
  return with_address(end.address, [](int family, const sockaddr* address, socklen_t size) {
    UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int yes = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (::bind(socket.get(), address, size) != 0 || ::listen(socket.get(), 64) != 0) socket.reset();
    return socket;
  });
}

UniqueFd connect_to(const ForwardEnd& end) {
  if (!enter(end.netns)) return {};
  return with_address(end.address, [](int family, const sockaddr* address, socklen_t size) {
    UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(socket.get(), address, size) != 0) socket.reset();
    if (socket.valid()) ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
    return socket;
  });
}

/// One direction of one connection.
struct Pipe {
  int from = -1;
  int to = -1;
  std::string waiting{};
  bool ended = false;

  /// False once it can carry nothing any more. `most`: how much may be taken in now.
  bool take_in(std::size_t most) {
    if (ended || !waiting.empty() || most == 0) return true;
    waiting.resize(std::min(most, kChunk));
    const ssize_t got = ::read(from, waiting.data(), waiting.size());
    waiting.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) return true;
    ended = true;
    ::shutdown(to, SHUT_WR);
    return got == 0;
  }
  bool give_out() {
    while (!waiting.empty()) {
      const ssize_t put = ::send(to, waiting.data(), waiting.size(), MSG_NOSIGNAL);
      if (put < 0) return errno == EAGAIN || errno == EINTR;
      waiting.erase(0, static_cast<std::size_t>(put));
    }
    return true;
  }
};

struct Connection {
  UniqueFd near;
  UniqueFd far;
  Pipe there;
  Pipe back;
  [[nodiscard]] bool over() const {
    return there.ended && back.ended && there.waiting.empty() && back.waiting.empty();
  }
};

}  // namespace

/// The child's side of it.
class ForwardingProcess {
 public:
  ForwardingProcess(const std::vector<Route>& routes, Forwarder::Control& control)
      : routes_(routes), control_(control), cuts_(control.cuts.load()) {}

  [[noreturn]] void run() {
    for (const Route& route : routes_) {
      listening_.push_back(listen_at(route.listen));
      if (!listening_.back().valid()) ::_exit(1);
    }
    control_.ready = true;
    while (true) {
      wait();
      if (cuts_ != control_.cuts.load()) {
        cuts_ = control_.cuts.load();
        connections_.clear();
      }
      for (std::size_t i = 0; i < routes_.size(); ++i) take_one(i);
      earn();
      connections_.remove_if([this](Connection& one) { return !pump(one) || one.over(); });
    }
  }

 private:
  void wait() {
    std::vector<pollfd> ends;
    for (const UniqueFd& one : listening_) ends.push_back({one.get(), POLLIN, 0});
    for (const Connection& one : connections_) {
      watch(ends, one.there, control_.mute_there || (control_.rate > 0 && allowed_ < 1));
      watch(ends, one.back, control_.mute_back);
    }
    ::poll(ends.data(), ends.size(), kTickMs);
  }
  static void watch(std::vector<pollfd>& ends, const Pipe& pipe, bool held) {
    if (held) return;
    if (!pipe.waiting.empty()) {
      ends.push_back({pipe.to, POLLOUT, 0});
    } else if (!pipe.ended) {
      ends.push_back({pipe.from, POLLIN, 0});
    }
  }
  void take_one(std::size_t route) {
    UniqueFd near(
        ::accept4(listening_[route].get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!near.valid()) return;
    UniqueFd far = connect_to(routes_[route].connect);
    if (!far.valid()) return;  // whoever connected is hung up on, as by ssh
    const Pipe there{near.get(), far.get()};
    const Pipe back{far.get(), near.get()};
    connections_.push_back({std::move(near), std::move(far), there, back});
  }
  /// What may go there now, at the rate; a pause earns no more than a tick or two.
  void earn() {
    const TimePoint now = clock_.now();
    const double rate = control_.rate;
    allowed_ = std::min(allowed_ + rate * (now - earned_at_).count(), rate * 4 * kTickMs / 1000);
    earned_at_ = now;
  }
  bool pump(Connection& one) {
    if (!control_.mute_there) {
      const bool limited = control_.rate > 0;
      const std::size_t most = limited ? static_cast<std::size_t>(allowed_) : kChunk;
      const bool had = !one.there.waiting.empty();
      if (!one.there.take_in(most)) return false;
      if (!had) note(one.there.waiting);
      if (!one.there.give_out()) return false;
    }
    if (control_.mute_back) return true;
    return one.back.take_in(kChunk) && one.back.give_out();
  }
  void note(const std::string& bytes) {
    control_.there += static_cast<std::int64_t>(bytes.size());
    if (control_.rate > 0) allowed_ -= static_cast<double>(bytes.size());
    const std::string_view wanted = control_.wanted;
    if (wanted.empty()) return;
    // Slowed down, a text arrives in pieces: the end of what came before may be its beginning.
    seen_last_ += bytes;
    if (seen_last_.find(wanted) != std::string::npos) control_.seen = true;
    seen_last_.erase(0, seen_last_.size() - std::min(seen_last_.size(), wanted.size()));
  }

  const std::vector<Route>& routes_;
  Forwarder::Control& control_;
  int cuts_;
  RealClock clock_;
  double allowed_ = 0;
  std::string seen_last_;  ///< on its way there, by all connections
  TimePoint earned_at_{};
  std::vector<UniqueFd> listening_;
  std::list<Connection> connections_;
};

Forwarder::Forwarder(std::vector<Route> routes) : routes_(std::move(routes)) {
  void* shared =
      ::mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) throw std::runtime_error("no shared memory");
  control_ = new (shared) Control;
  revive();
}

Forwarder::~Forwarder() {
  kill();
  ::munmap(control_, sizeof(Control));
}

void Forwarder::revive() {
  control_->ready = false;
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close_range(3, ~0U, 0);  // what the test has open is not the forwarder's to hold
    ForwardingProcess(routes_, *control_).run();
  }
  RealClock clock;
  const TimePoint give_up = clock.now() + kPatience;
  while (!control_->ready) {
    if (::waitpid(pid_, nullptr, WNOHANG) != 0 || clock.now() > give_up) {
      throw std::runtime_error("the forwarder cannot listen");
    }
    (void)clock.wait_until(clock.now() + Seconds(0.001), {});
  }
}

void Forwarder::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void Forwarder::cut() {
  ++control_->cuts;
}

void Forwarder::mute(bool there, bool back) {
  control_->mute_there = there;
  control_->mute_back = back;
}

void Forwarder::throttle(double bytes_per_s) {
  control_->rate = bytes_per_s;
}

void Forwarder::look_for(std::string_view text) {
  const std::size_t most = sizeof control_->wanted - 1;
  control_->wanted[text.copy(control_->wanted, most)] = '\0';
}

}  // namespace godwit::e2e
