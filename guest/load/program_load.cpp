#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <string>
#include <string_view>

#include "load.h"
#include "process_group.h"

namespace godwit::guest {
namespace {

// A database is made first, under emulation on a machine that has more to do.
constexpr std::int64_t kMostStartNs = 110'000 * kNsPerMs;
constexpr std::size_t kLongestLine = 200;

// Calls `take` for each line that is completed by what can be read now; false at the end of all.
class LineReader {
 public:
  template <class Take>
  bool read_from(int fd, Take take) {
    std::array<char, 4096> buffer{};
    for (;;) {
      const ssize_t got = read(fd, buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return got < 0;
      for (const char c : std::string_view(buffer.data(), static_cast<std::size_t>(got))) {
        if (c == '\n') {
          take(std::string_view(line_));
          line_.clear();
        } else if (line_.size() < kLongestLine) {
          line_ += c >= ' ' && c <= '~' ? c : '?';  // it may be reported
        }
      }
    }
  }

 private:
  std::string line_;
};

// A real program and whoever gives it work, as the runner starts them. They say `work N`, N being
// what was done in all, on their standard output; why they end, on their standard error.
class ProgramLoad final : public Load {
 public:
  ProgramLoad(const LoadSpec& spec, const LoadContext& context)
      : name_(name_of(spec.program)),
        counters_(context.counters),
        group_({context.runner, name_, std::to_string(spec.clients)}) {
    const StopSignal nobody;
    const Until deadline(nobody, now_ns() + kMostStartNs);
    while (!began_ && !deadline.reached()) listen(deadline);
    if (!began_) throw std::runtime_error(name_ + " has done nothing yet" + last_words());
    group_.pause();
  }

  void run(const Until& until) override {
    group_.resume();
    while (!until.reached()) listen(until);
    group_.pause();
  }

 private:
  void listen(const Until& until) {
    std::array<pollfd, 4> fds{pollfd{output_open_ ? group_.output() : -1, POLLIN, 0},
                              pollfd{errors_open_ ? group_.errors() : -1, POLLIN, 0},
                              pollfd{group_.ended(), POLLIN, 0}, pollfd{}};
    if (!until.wait(fds)) return;
    output_open_ =
        output_open_ && output_.read_from(group_.output(), [this](auto line) { take_work(line); });
    errors_open_ = errors_open_ && errors_.read_from(group_.errors(), [this](auto line) {
      if (!line.empty()) last_error_ = line;
    });
    if (fds[2].revents != 0) throw std::runtime_error(name_ + " ended" + last_words());
  }

  void take_work(std::string_view line) {
    constexpr std::string_view kWork = "work ";
    if (!line.starts_with(kWork)) return;
    line.remove_prefix(kWork.size());
    std::int64_t done = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), done);
    if (error != std::errc() || end != line.data() + line.size()) return;
    began_ = true;
    if (done <= done_) return;
    add(counters_.work, done - done_);
    done_ = done;
  }

  [[nodiscard]] std::string last_words() const {
    return last_error_.empty() ? "" : ": " + last_error_;
  }

  std::string name_;
  Counters& counters_;
  LineReader output_;
  LineReader errors_;
  bool output_open_ = true;
  bool errors_open_ = true;
  std::string last_error_;
  bool began_ = false;
  std::int64_t done_ = 0;
  ProcessGroup group_;
};

}  // namespace

std::unique_ptr<Load> make_program(const LoadSpec& spec, const LoadContext& context) {
  return std::make_unique<ProgramLoad>(spec, context);
}

}  // namespace godwit::guest
