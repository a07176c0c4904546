#include "vcpu_threads.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace godwit::guestmem {
namespace {

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string_view> fields(std::string_view text) {
  std::vector<std::string_view> found;
  while (true) {
    const std::size_t start = text.find_first_not_of(" \n");
    if (start == std::string_view::npos) return found;
    text.remove_prefix(start);
    const std::size_t length = std::min(text.find_first_of(" \n"), text.size());
    found.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<Seconds> time_of_thread(const std::filesystem::path& task) {
  if (const auto exact = time_in_schedstat(contents(task / "schedstat"))) return exact;
  return time_in_stat(contents(task / "stat"), sysconf(_SC_CLK_TCK));
}

}  // namespace

bool is_vcpu_name(std::string_view comm) {
  if (comm == "ALL CPUs/TCG") return true;
  constexpr std::string_view kPrefix = "CPU ";
  if (!comm.starts_with(kPrefix)) return false;
  const std::size_t slash = comm.find('/');
  return slash != std::string_view::npos &&
         number(comm.substr(kPrefix.size(), slash - kPrefix.size())).has_value();
}

std::optional<Seconds> time_in_schedstat(std::string_view text) {
  const auto columns = fields(text);
  if (columns.size() != 3) return std::nullopt;
  const auto on_cpu = number(columns[0]);
  if (!on_cpu || *on_cpu == 0) return std::nullopt;
  return Seconds(Nanoseconds(*on_cpu));
}

std::optional<Seconds> time_in_stat(std::string_view text, std::int64_t per_second) {
  // The name in brackets may itself hold blanks and brackets: the last one ends it.
  const std::size_t bracket = text.rfind(')');
  if (bracket == std::string_view::npos) return std::nullopt;
  constexpr std::size_t kUserTime = 11;  // proc(5): field 14, counted from the 3rd
  const auto columns = fields(text.substr(bracket + 1));
  if (columns.size() < kUserTime + 2) return std::nullopt;
  const auto user = number(columns[kUserTime]);
  const auto system = number(columns[kUserTime + 1]);
  if (!user || !system) return std::nullopt;
  return Seconds(static_cast<double>(*user + *system) / static_cast<double>(per_second));
}

std::vector<std::int64_t> vcpu_threads_of(std::int64_t pid) {
  std::vector<std::int64_t> threads;
  std::error_code error;
  std::filesystem::directory_iterator tasks(fmt::format("/proc/{}/task", pid), error);
  for (; !error && tasks != std::filesystem::directory_iterator{}; tasks.increment(error)) {
    std::string name = contents(tasks->path() / "comm");
    if (!name.empty() && name.back() == '\n') name.pop_back();
    const auto thread = number(tasks->path().filename().native());
    if (thread && is_vcpu_name(name)) threads.push_back(*thread);
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

}  // namespace godwit::guestmem
