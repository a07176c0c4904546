#include "godwit/probe/process_cpu.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace godwit::probe {

std::optional<Seconds> cpu_time_in(std::string_view proc_stat, std::int64_t ticks_per_second) {
  // The program's name stands in brackets, and may have blanks and brackets of its own.
  const auto name_end = proc_stat.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  std::istringstream fields{std::string(proc_stat.substr(name_end + 1))};
  std::string skipped;
  constexpr int kBeforeUser = 11;  // state … cmajflt (proc(5), fields 3 to 13)
  for (int i = 0; i < kBeforeUser; ++i) fields >> skipped;
  std::int64_t user = 0;
  std::int64_t kernel = 0;
  if (!(fields >> user >> kernel) || user < 0 || kernel < 0) return std::nullopt;
  return Seconds(static_cast<double>(user + kernel) / static_cast<double>(ticks_per_second));
}

Result<Seconds> cpu_time_of(std::int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(file, text, '\0');
  if (const auto time = cpu_time_in(text, ::sysconf(_SC_CLK_TCK))) return *time;
  return fail(ErrorCode::kPeerGone, fmt::format("process {} has ended", pid));
}

}  // namespace godwit::probe
