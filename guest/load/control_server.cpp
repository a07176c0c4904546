#include "control_server.h"

#include <unistd.h>

#include <csignal>
#include <string>

#include "godwit/guest/control.h"

namespace godwit::guest {
namespace {

constexpr std::size_t kMostControllers = 8;

class ControlSession final : public Session {
 public:
  ControlSession(Engine& engine, Reporter& reporter) : engine_(engine), reporter_(reporter) {}

  bool take(std::string& input, std::string& output) override {
    const ControlCommand command = reader_.next(input);
    switch (command.kind) {
      case ControlCommand::Kind::kNone:
        break;
      case ControlCommand::Kind::kStatus:
        output += reporter_.newest();
        break;
      case ControlCommand::Kind::kLoad:
        output += answer(engine_.change(command.plan));
        break;
      case ControlCommand::Kind::kPowerOff:
        output += answer({});
        kill(getpid(), SIGTERM);  // an orderly end, which init takes for the wish to power off
        return false;
      case ControlCommand::Kind::kBad:
        output += answer(command.error);
        break;
    }
    return true;
  }

 private:
  static std::string answer(const std::string& error) {
    return error.empty() ? "ok\n" : "error " + error + "\n";
  }

  Engine& engine_;
  Reporter& reporter_;
  ControlReader reader_;
};

}  // namespace

ControlServer::ControlServer(std::int64_t port, Engine& engine, Reporter& reporter)
    : server_(port, kMostControllers,
              [&engine, &reporter] { return std::make_unique<ControlSession>(engine, reporter); }) {
}

}  // namespace godwit::guest
