#include "qemu_pid.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>

#include "godwit/base/proc_file.h"

namespace godwit::libvirt {
namespace {

/// libvirt gives each domain's UUID to its QEMU as two words of the command line.
bool has_uuid(const std::filesystem::path& process, const std::string& uuid) {
  std::ifstream file(process / "cmdline", std::ios::binary);
  const std::string words((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  using namespace std::string_view_literals;
  return words.find(std::string("\0-uuid\0"sv) + uuid + '\0') != std::string::npos;
}

}  // namespace

std::int64_t find_qemu(const std::string& uuid) {
  std::int64_t found = 0;
  std::error_code unseen;
  for (const auto& process : std::filesystem::directory_iterator("/proc", unseen)) {
    const auto pid = natural_number(process.path().filename().string());
    if (!pid || !program_of(*pid).starts_with("qemu") || !has_uuid(process.path(), uuid)) continue;
    if (found != 0) return 0;
    found = *pid;
  }
  return found;
}

}  // namespace godwit::libvirt
