#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

/// Commands that stand in for a hypervisor's, in a folder of their own at the front of PATH.

namespace godwit::command {

/// Of a hypervisor whose one command is hv.
inline constexpr const char* kStandInProfile = R"(name = "hv"
about = "a stand-in"
tested = "stand-in"
patience = "60s"
poll = "10ms"
[commands]
start = ["hv", "start", "{source}", "{vm}"]
migrate = ["hv", "migrate", "{destination}", "{vm}"]
status = ["hv", "status", "{here}", "{vm}"]
stop = ["hv", "stop", "{here}", "{vm}"]
[status]
running = "^{vm} running$"
paused = "^{vm} paused$"
absent = "no such vm"
failed = "migration failed"
[variables]
source = "a host"
destination = "another"
)";

class StandIns {
 public:
  StandIns() : path_(std::getenv("PATH")) {
    std::string pattern = std::filesystem::temp_directory_path() / "godwit-command-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = pattern;
    setenv("PATH", (folder_.native() + ":" + path_).c_str(), 1);
  }
  ~StandIns() {
    setenv("PATH", path_.c_str(), 1);
    std::error_code none;
    std::filesystem::remove_all(folder_, none);
  }
  StandIns(const StandIns&) = delete;
  StandIns& operator=(const StandIns&) = delete;

  /// A shell script of that name; it finds its state in $dir.
  void command(const std::string& name, const std::string& script) const {
    const std::filesystem::path file = folder_ / name;
    std::ofstream(file) << "#!/bin/sh\ndir='" << folder_.native() << "'\n" << script;
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(folder_ / name);
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    return text;
  }
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] bool has(const std::string& name) const {
    return std::filesystem::exists(folder_ / name);
  }

 private:
  std::string path_;
  std::filesystem::path folder_;
};

}  // namespace godwit::command
