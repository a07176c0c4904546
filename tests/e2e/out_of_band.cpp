#include "out_of_band.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <stdexcept>

namespace godwit::e2e {

OutOfBand::OutOfBand(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("no monitor at " + path);
  }
  (void)answer(R"({"execute":"qmp_capabilities","arguments":{"enable":["oob"]},"id":0})");
}

Json OutOfBand::answer(const std::string& command) {
  (void)::send(socket_.get(), (command + "\n").data(), command.size() + 1, MSG_NOSIGNAL);
  while (true) {
    const Json line = Json::parse(next_line(), nullptr, false);
    if (line.is_discarded() || line.contains("id")) return line;
  }
}

std::string OutOfBand::next_line() {
  std::string line;
  for (char c = 0; ::read(socket_.get(), &c, 1) == 1 && c != '\n';) line += c;
  return line;
}

}  // namespace godwit::e2e
