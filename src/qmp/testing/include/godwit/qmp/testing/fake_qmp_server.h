#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/json.h"

/// A QEMU for tests of whatever talks QMP: plays a script on a unix socket, and checks every
/// command it gets, names and types of arguments too, against the schema captured from a real QEMU.
///
///   FakeQmpServer qemu(QemuVersion::k10_0);
///   qemu.greet().answer_as_captured();
///   qemu.expect("migrate_cancel").reply().event("MIGRATION", {{"status", "cancelling"}});
///   qemu.start();
///   ... connect to qemu.path() ...
///   EXPECT_THAT(qemu.finish(), IsEmpty());

namespace godwit::qmp::testing {

enum class QemuVersion { k7_2, k10_0, k11_1 };
inline constexpr std::array kQemuVersions{QemuVersion::k7_2, QemuVersion::k10_0,
                                          QemuVersion::k11_1};
std::string_view to_string(QemuVersion version);  ///< "7.2"
/// What a parametrised test is called of it: "V7_2".
inline constexpr auto version_name = [](const auto& which) {
  std::string name = "V" + std::string(to_string(which.param));
  return name.replace(name.find('.'), 1, "_");
};

/// What a real QEMU said, by the name of its file in tests/data, e.g. "query-migrate.active". Ends
/// the test program when there is none.
Json captured(QemuVersion version, std::string_view name);
/// The same, what stands in its "return".
Json captured_return(QemuVersion version, std::string_view name);

/// What is wrong with a command by the captured schema; nothing when QEMU would take it.
std::vector<std::string> check_command(QemuVersion version, const std::string& command,
                                       const Json& arguments);

class FakeQmpServer {
 public:
  /// What to return, or an error whose message is the reason of a refusal.
  using Answer = std::function<Result<Json>(const Json& arguments)>;

  explicit FakeQmpServer(QemuVersion version = QemuVersion::k10_0);
  FakeQmpServer(const FakeQmpServer&) = delete;
  FakeQmpServer& operator=(const FakeQmpServer&) = delete;
  ~FakeQmpServer();

  // --- the script, played in this order to the first client; then silence until it leaves ---
  FakeQmpServer& greet();  ///< the captured greeting, and qmp_capabilities answered
  /// Waits for this command with exactly these arguments.
  FakeQmpServer& expect(std::string command, Json arguments = Json::object());
  FakeQmpServer& reply(Json value = Json::object());  ///< to the command that came last
  FakeQmpServer& refuse(std::string reason, std::string error_class = "GenericError");
  FakeQmpServer& event(std::string name, Json data = Json::object(), std::int64_t wall_us = 0);
  FakeQmpServer& send(std::string bytes);  ///< as they are: torn, hostile …
  FakeQmpServer& close();                  ///< the peer goes away

  // --- standing answers, given wherever the script waits or has ended ---
  FakeQmpServer& whenever(std::string command, Answer answer);
  FakeQmpServer& whenever(std::string command, Json value);
  /// All queries that an observer makes, answered as the captured VM did.
  FakeQmpServer& answer_as_captured();

  /// Starts to listen. The script is complete by then.
  void start();
  [[nodiscard]] const std::string& path() const { return path_; }

  /// Stops, and says what went wrong: commands that the schema or the script does not allow, and
  /// those that the script waited for in vain. Empty when all was well.
  std::vector<std::string> finish();
  /// The commands that came, in their order; after finish().
  [[nodiscard]] const std::vector<std::string>& commands() const;

 private:
  class Session;
  struct Step;

  QemuVersion version_;
  std::string folder_;
  std::string path_;
  std::vector<Step> steps_;
  std::map<std::string, Answer> standing_;
  std::unique_ptr<Session> session_;
  std::vector<std::string> commands_;
};

}  // namespace godwit::qmp::testing
