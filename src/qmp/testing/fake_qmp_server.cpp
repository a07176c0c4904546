#include "godwit/qmp/testing/fake_qmp_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>

#include "godwit/base/contract.h"
#include "godwit/base/unique_fd.h"
#include "godwit/qmp/framing.h"

namespace godwit::qmp::testing {
namespace {

std::string make_folder() {
  std::string name = std::filesystem::temp_directory_path() / "godwit-qmp-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) contract_failure("cannot make a temporary folder");
  return name;
}

UniqueFd listen_on(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  constexpr int kBacklog = 4;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    contract_failure("the fake QMP server cannot listen");
  }
  return fd;
}

std::string line_of(const Json& json) {
  return json.dump() + "\r\n";
}

Json error_reply(const std::string& error_class, const std::string& reason, const Json& id) {
  return Json{{"id", id}, {"error", {{"class", error_class}, {"desc", reason}}}};
}

}  // namespace

struct FakeQmpServer::Step {
  enum class Kind { kSend, kExpect, kReply, kClose };
  Kind kind;
  std::string text{};          ///< bytes to send, or a command's name
  Json json = Json::object();  ///< arguments to expect; "return" or "error" of a reply
};

/// The server's side of one client, on a thread of its own.
class FakeQmpServer::Session {
 public:
  Session(FakeQmpServer& server, UniqueFd listener)
      : server_(server),
        listener_(std::move(listener)),
        stop_(::eventfd(0, EFD_CLOEXEC)),
        thread_([this] { run(); }) {}
  ~Session() { finish(); }

  void finish() {
    const std::uint64_t one = 1;
    if (::write(stop_.get(), &one, sizeof(one)) < 0) contract_failure("eventfd");
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  void run() {
    if (!wait(listener_.get(), POLLIN)) return;
    client_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    std::size_t next = 0;
    for (bool there = true; there && next < server_.steps_.size(); ++next) {
      there = play(server_.steps_[next]);
      if (!there) break;
    }
    while (next >= server_.steps_.size() && client_.valid() && answer_next(nullptr)) continue;
    for (; next < server_.steps_.size(); ++next) {
      const Step& step = server_.steps_[next];
      if (step.kind == Step::Kind::kExpect) complaints_.push_back("never came: " + step.text);
    }
  }

  /// False when the client has gone or the test is over.
  bool play(const Step& step) {
    switch (step.kind) {
      case Step::Kind::kSend:
        return write(step.text);
      case Step::Kind::kExpect:
        return answer_next(&step);
      case Step::Kind::kClose:
        client_.reset();
        return true;
      case Step::Kind::kReply: {
        Json message = step.json;
        message["id"] = last_id_;
        return write(line_of(message));
      }
    }
    return false;
  }

  /// Takes commands and answers those with a standing answer, until `expected` came (which the
  /// script will answer); without one, takes just one command.
  bool answer_next(const Step* expected) {
    while (true) {
      const std::optional<Json> message = read();
      if (!message) return false;
      last_id_ = message->value("id", Json());
      const std::string command =
          message->value("execute", message->value("exec-oob", std::string()));
      const Json arguments = message->value("arguments", Json::object());
      server_.commands_.push_back(command);
      for (const auto& finding : check_command(server_.version_, command, arguments)) {
        complaints_.push_back(finding);
      }
      if (expected != nullptr && command == expected->text) {
        if (arguments != expected->json) {
          complaints_.push_back(fmt::format("{} came with {} instead of {}", command,
                                            arguments.dump(), expected->json.dump()));
        }
        return true;
      }
      if (!write(line_of(standing(command, arguments)))) return false;
      if (expected == nullptr) return true;
    }
  }

  Json standing(const std::string& command, const Json& arguments) {
    const auto found = server_.standing_.find(command);
    if (found == server_.standing_.end()) {
      complaints_.push_back("nobody expected " + command);
      return error_reply("GenericError", "the test did not expect " + command, last_id_);
    }
    auto value = found->second(arguments);
    if (!value) return error_reply("GenericError", value.error().message, last_id_);
    return Json{{"id", last_id_}, {"return", std::move(*value)}};
  }

  /// The next command; nothing when the client has gone or the test is over.
  std::optional<Json> read() {
    while (true) {
      auto line = lines_.next();
      if (!line) return std::nullopt;
      if (*line) {
        auto json = parse_json(**line);
        if (json) return std::move(*json);
        complaints_.push_back("no JSON: " + **line);
        continue;
      }
      if (!client_.valid() || !wait(client_.get(), POLLIN)) return std::nullopt;
      std::array<char, 4096> piece;
      const ssize_t got = ::recv(client_.get(), piece.data(), piece.size(), 0);
      if (got == 0 || (got < 0 && errno != EAGAIN)) return std::nullopt;
      if (got > 0) lines_.feed({piece.data(), static_cast<std::size_t>(got)});
    }
  }

  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      if (!client_.valid() || !wait(client_.get(), POLLOUT)) return false;
      const ssize_t sent = ::send(client_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) return false;
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// False when the test is over.
  bool wait(int fd, short what) {
    std::array<pollfd, 2> waiting{{{fd, what, 0}, {stop_.get(), POLLIN, 0}}};
    while (::poll(waiting.data(), waiting.size(), -1) < 0 && errno == EINTR) continue;
    return waiting[1].revents == 0;
  }

  FakeQmpServer& server_;
  UniqueFd listener_;
  UniqueFd stop_;
  UniqueFd client_;
  MessageSplitter lines_;
  Json last_id_;
  std::vector<std::string> complaints_;
  std::thread thread_;  // last: it uses all of the above
};

FakeQmpServer::FakeQmpServer(QemuVersion version)
    : version_(version), folder_(make_folder()), path_(folder_ + "/qmp") {}

FakeQmpServer::~FakeQmpServer() {
  session_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

FakeQmpServer& FakeQmpServer::greet() {
  send(line_of(captured(version_, "greeting")));
  return expect("qmp_capabilities", {{"enable", Json::array({"oob"})}}).reply();
}
FakeQmpServer& FakeQmpServer::expect(std::string command, Json arguments) {
  steps_.push_back({Step::Kind::kExpect, std::move(command), std::move(arguments)});
  return *this;
}
FakeQmpServer& FakeQmpServer::reply(Json value) {
  steps_.push_back({Step::Kind::kReply, {}, Json{{"return", std::move(value)}}});
  return *this;
}
FakeQmpServer& FakeQmpServer::refuse(std::string reason, std::string error_class) {
  Json error = error_reply(error_class, reason, nullptr);
  steps_.push_back({Step::Kind::kReply, {}, std::move(error)});
  return *this;
}
FakeQmpServer& FakeQmpServer::event(std::string name, Json data, std::int64_t wall_us) {
  Json message{
      {"timestamp", {{"seconds", wall_us / 1'000'000}, {"microseconds", wall_us % 1'000'000}}},
      {"event", std::move(name)}};
  if (!data.empty()) message["data"] = std::move(data);
  return send(line_of(message));
}
FakeQmpServer& FakeQmpServer::send(std::string bytes) {
  steps_.push_back({Step::Kind::kSend, std::move(bytes)});
  return *this;
}
FakeQmpServer& FakeQmpServer::close() {
  steps_.push_back({Step::Kind::kClose});
  return *this;
}

FakeQmpServer& FakeQmpServer::whenever(std::string command, Answer answer) {
  standing_[std::move(command)] = std::move(answer);
  return *this;
}
FakeQmpServer& FakeQmpServer::whenever(std::string command, Json value) {
  return whenever(std::move(command),
                  [value = std::move(value)](const Json&) -> Result<Json> { return value; });
}

FakeQmpServer& FakeQmpServer::answer_as_captured() {
  const QemuVersion version = version_;
  for (const char* name :
       {"query-version", "query-name", "query-kvm", "query-block", "query-memory-size-summary",
        "query-migrate-parameters", "query-uuid", "query-migrate-capabilities", "query-status",
        "query-qmp-schema", "query-hotpluggable-cpus", "query-memory-devices", "x-query-virtio"}) {
    whenever(name, captured_return(version, name));
  }
  whenever("query-migrate", captured_return(version, "query-migrate.none"));
  whenever("query-jobs", Json::array());
  whenever("query-cpus-fast", [version](const Json&) -> Result<Json> {
    Json cpus = captured_return(version, "query-cpus-fast");
    for (Json& cpu : cpus) cpu["thread-id"] = ::gettid();  // so that this process is known as QEMU
    return cpus;
  });
  const auto objects = std::make_shared<const Json>(captured(version, "qom"));
  whenever("qom-list", [objects](const Json& arguments) -> Result<Json> {
    const std::string path = arguments.value("path", "");
    if (objects->contains(path)) return objects->at(path).at("properties");
    return fail(ErrorCode::kRefused, "Device '" + path + "' not found");
  });
  whenever("qom-get", [objects](const Json& arguments) -> Result<Json> {
    const auto object = objects->find(arguments.value("path", ""));
    const std::string property = arguments.value("property", "");
    if (object != objects->end() && object->at("values").contains(property)) {
      return object->at("values").at(property);
    }
    return fail(ErrorCode::kRefused, "Property '" + property + "' not found");
  });
  whenever("x-query-virtio-status", [version](const Json& arguments) -> Result<Json> {
    return captured(version, "x-query-virtio-status").at(arguments.value("path", ""));
  });
  return whenever("human-monitor-command", [version](const Json& arguments) -> Result<Json> {
    const std::string line = arguments.value("command-line", "");
    if (line == "info qtree") return captured_return(version, "info-qtree");
    if (line == "info ramblock") return captured_return(version, "info-ramblock");
    if (line == "info mtree -f") return captured_return(version, "info-mtree");
    if (line == "gpa2hva 0x0") return captured_return(version, "gpa2hva");
    return Json("No memory is mapped at that address\r\n");
  });
}

void FakeQmpServer::start() {
  session_ = std::make_unique<Session>(*this, listen_on(path_));
}

std::vector<std::string> FakeQmpServer::finish() {
  if (!session_) return {"the fake was never started"};
  session_->finish();
  return session_->complaints();
}

const std::vector<std::string>& FakeQmpServer::commands() const {
  return commands_;
}

}  // namespace godwit::qmp::testing
