#include "godwit/base/vcpu_threads.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "godwit/base/proc_file.h"
#include "godwit/base/proc_stat.h"

namespace godwit {
namespace {

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::optional<Seconds> time_of_thread(const std::filesystem::path& task) {
  if (const auto exact = time_in_schedstat(contents(task / "schedstat"))) return exact;
  return time_in_stat(contents(task / "stat"), sysconf(_SC_CLK_TCK));
}

}  // namespace

std::optional<std::int64_t> vcpu_of_name(std::string_view comm) {
  if (comm == "ALL CPUs/TCG") return 0;
  constexpr std::string_view kPrefix = "CPU ";
  if (!comm.starts_with(kPrefix)) return std::nullopt;
  const std::size_t slash = comm.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  return natural_number(comm.substr(kPrefix.size(), slash - kPrefix.size()));
}

std::vector<std::int64_t> vcpu_threads_of(std::int64_t pid) {
  std::vector<std::int64_t> threads;
  std::error_code error;
  std::filesystem::directory_iterator tasks(fmt::format("/proc/{}/task", pid), error);
  for (; !error && tasks != std::filesystem::directory_iterator{}; tasks.increment(error)) {
    std::string name = contents(tasks->path() / "comm");
    if (!name.empty() && name.back() == '\n') name.pop_back();
    const auto thread = natural_number(tasks->path().filename().native());
    if (thread && vcpu_of_name(name)) threads.push_back(*thread);
  }
  return threads;
}

std::optional<Seconds> vcpu_time_of(std::int64_t pid) {
  std::optional<Seconds> sum;
  for (const std::int64_t thread : vcpu_threads_of(pid)) {
    const auto time = time_of_thread(fmt::format("/proc/{}/task/{}", pid, thread));
    if (time) sum = sum.value_or(Seconds(0)) + *time;
  }
  return sum;
}

}  // namespace godwit
