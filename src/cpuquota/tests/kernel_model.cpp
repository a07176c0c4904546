#include "kernel_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <sstream>

namespace godwit::cpuquota {
namespace {

std::string parent(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

Os<void> result(int error) {
  if (error != 0) return tl::unexpected(error);
  return {};
}

bool is_below(const std::string& path, const std::string& group) {
  return path != group && parent(path) == group;
}

}  // namespace

KernelModel::KernelModel(CgroupVersion version, std::string mount, std::string root)
    : version_(version), mount_(std::move(mount)), root_(std::move(root)) {
  add_group(root_);
}

void KernelModel::add_group(const std::string& path, bool threaded) {
  if (path != "/" && !groups_.contains(parent(path))) add_group(parent(path));
  if (path != "/") groups_[parent(path)].cpu_below = !v1();
  groups_[path].threaded = threaded;
}
void KernelModel::control_below(const std::string& path, bool on) {
  groups_.at(path).cpu_below = on;
}
void KernelModel::set_quota(const std::string& path, std::int64_t quota_us,
                            std::int64_t period_us) {
  groups_.at(path).quota_us = quota_us;
  groups_.at(path).period_us = period_us;
}
void KernelModel::add_process(std::int64_t pid, std::int64_t started) {
  started_[pid] = started;
}
void KernelModel::add_thread(std::int64_t pid, std::int64_t thread, const std::string& name,
                             const std::string& group) {
  threads_[thread] = {pid, name, group, thread, 0, 0};
}
void KernelModel::end_process(std::int64_t pid) {
  started_.erase(pid);
  std::erase_if(threads_, [pid](const auto& one) { return one.second.pid == pid; });
}

std::string KernelModel::quota(const std::string& path) const {
  const Group& group = groups_.at(path);
  return fmt::format("{} {}", group.quota_us < 0 ? "max" : std::to_string(group.quota_us),
                     group.period_us);
}

std::string KernelModel::state() const {
  std::string text;
  for (const auto& [path, group] : groups_) {
    text += fmt::format("{} {} {} {}:", path, group.threaded, group.cpu_below, quota(path));
    for (const auto& [number, thread] : threads_) {
      if (thread.group == path) text += fmt::format(" {}", number);
    }
    text += "\n";
  }
  return text;
}

// --- paths ---

std::string KernelModel::group_at(const std::string& folder) const {
  if (!mounted_ || !folder.starts_with(mount_)) return "";
  const std::string below = folder.substr(mount_.size());
  const std::string path = root_ == "/" ? below : root_ + below;
  return path.empty() ? "/" : path;
}

KernelModel::File KernelModel::file_at(const std::string& path) const {
  return {group_at(parent(path)), path.substr(path.rfind('/') + 1)};
}

std::vector<std::string> KernelModel::children(const std::string& group) const {
  std::vector<std::string> found;
  for (const auto& [path, ignored] : groups_) {
    if (is_below(path, group)) found.push_back(path);
  }
  return found;
}

bool KernelModel::has_threads(const std::string& group) const {
  return std::any_of(threads_.begin(), threads_.end(),
                     [&](const auto& one) { return one.second.group == group; });
}

bool KernelModel::has_cpu(const std::string& group) const {
  return v1() || group == "/" || groups_.at(parent(group)).cpu_below;
}

/// The group whose processes' threads may be in `group`.
std::string KernelModel::domain_of(std::string group) const {
  while (groups_.at(group).threaded) group = parent(group);
  return group;
}

// --- reading ---

Os<std::string> KernelModel::read(const std::string& path) {
  if (path.starts_with("/proc/")) return read_proc(path);
  const File file = file_at(path);
  const auto group = groups_.find(file.group);
  if (group == groups_.end()) return tl::unexpected(ENOENT);
  return read_group(group->second, file);
}

Os<std::string> KernelModel::read_group(const Group& group, const File& file) const {
  if (file.name == (v1() ? "tasks" : "cgroup.threads")) {
    std::string text;
    for (const auto& [number, thread] : threads_) {
      if (thread.group == file.group) text += fmt::format("{}\n", number);
    }
    return text;
  }
  if (v1()) {
    if (file.name == "cpu.cfs_quota_us") return fmt::format("{}\n", group.quota_us);
    if (file.name == "cpu.cfs_period_us") return fmt::format("{}\n", group.period_us);
    if (file.name == "cpu.stat") {
      return fmt::format("nr_periods 9\nnr_throttled 8\nthrottled_time {}\n",
                         group.held_back_us * 1000);
    }
    return tl::unexpected(ENOENT);
  }
  if (file.name == "cgroup.controllers")
    return std::string(has_cpu(file.group) ? "cpu io\n" : "\n");
  if (file.name == "cgroup.subtree_control") return std::string(group.cpu_below ? "cpu\n" : "\n");
  if (file.name == "cpu.stat" && has_cpu(file.group)) {
    return fmt::format("usage_usec 7\nnr_periods 9\nnr_throttled 8\nthrottled_usec {}\n",
                       group.held_back_us);
  }
  return tl::unexpected(ENOENT);
}

Os<std::string> KernelModel::read_proc(const std::string& path) const {
  if (path == "/proc/self/mountinfo") {
    if (!mounted_) return std::string();
    return fmt::format("32 31 0:29 {} {} rw,relatime shared:9 - {}\n", root_, mount_,
                       v1() ? "cgroup cgroup rw,cpu,cpuacct" : "cgroup2 cgroup2 rw,nsdelegate");
  }
  for (const auto& [pid, started] : started_) {
    if (path == fmt::format("/proc/{}/stat", pid)) {
      return fmt::format("{} (qemu) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {} 0", pid, started);
    }
  }
  for (const auto& [number, thread] : threads_) {
    const std::string task = fmt::format("/proc/{}/task/{}/", thread.pid, number);
    if (!path.starts_with(task)) continue;
    const std::string name = path.substr(task.size());
    if (name == "comm") return thread.name + "\n";
    if (name == "schedstat") return fmt::format("{} 0 1\n", thread.on_cpu_ns);
    if (name == "status") return fmt::format("Name:\tx\nNSpid:\t{}\t{}\n", number, thread.own);
    if (name == "cgroup") {
      return v1() ? fmt::format("2:cpu,cpuacct:{}\n0::/unified\n", thread.group)
                  : fmt::format("0::{}\n", thread.group);
    }
    std::string stat = fmt::format("{} ({}) S", number, thread.name);
    for (int field = 4; field <= 40; ++field) stat += " 0";
    if (name == "stat") return fmt::format("{} {} 0 0\n", stat, thread.policy);
  }
  return tl::unexpected(ENOENT);
}

Os<std::vector<std::string>> KernelModel::folders(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& [pid, started] : started_) {
    if (path != fmt::format("/proc/{}/task", pid)) continue;
    for (const auto& [number, thread] : threads_) {
      if (thread.pid == pid) names.push_back(std::to_string(number));
    }
    return names;
  }
  const std::string group = group_at(path);
  if (!groups_.contains(group)) return tl::unexpected(ENOENT);
  for (const std::string& child : children(group)) {
    names.push_back(child.substr(child.rfind('/') + 1));
  }
  return names;
}

Os<void> KernelModel::may_write(const std::string& path) {
  const std::string folder = group_at(path);
  const std::string group = groups_.contains(folder) ? folder : file_at(path).group;
  if (!groups_.contains(group)) return tl::unexpected(ENOENT);
  if (read_only_) return tl::unexpected(EROFS);
  return result(groups_.at(group).writable ? 0 : EACCES);
}

// --- changing ---

int KernelModel::change() {
  if (left_ == 0) return EIO;  // nobody reads it: the process that asked is no more
  if (left_ > 0) --left_;
  if (read_only_) return EROFS;
  if (luck_ == 0) {
    luck_ = -1;
    return EACCES;
  }
  if (luck_ > 0) --luck_;
  ++changes_;
  return 0;
}

Os<void> KernelModel::make_folder(const std::string& path) {
  if (const int error = change()) return tl::unexpected(error);
  const std::string group = group_at(path);
  if (group.empty() || !groups_.contains(parent(group))) return tl::unexpected(ENOENT);
  if (groups_.contains(group)) return tl::unexpected(EEXIST);
  if (!groups_.at(parent(group)).writable) return tl::unexpected(EACCES);
  groups_[group] = {};
  return {};
}

Os<void> KernelModel::remove_folder(const std::string& path) {
  if (const int error = change()) return tl::unexpected(error);
  const std::string group = group_at(path);
  if (!groups_.contains(group)) return tl::unexpected(ENOENT);
  if (has_threads(group) || !children(group).empty() || busy_-- > 0) return tl::unexpected(EBUSY);
  groups_.erase(group);
  return {};
}

Os<void> KernelModel::write(const std::string& path, const std::string& text) {
  if (const int error = change()) return tl::unexpected(error);
  const File file = file_at(path);
  if (!groups_.contains(file.group)) return tl::unexpected(ENOENT);
  if (!groups_.at(file.group).writable) return tl::unexpected(EACCES);
  return result(write_group(file, text));
}

int KernelModel::write_group(const File& file, const std::string& text) {
  Group& group = groups_.at(file.group);
  const std::int64_t number = std::strtoll(text.c_str(), nullptr, 10);
  if (file.name == (v1() ? "tasks" : "cgroup.threads")) return move(number, file.group);
  if (v1()) {
    if (file.name == "cpu.cfs_quota_us") return set_v1(group, file.group, number, group.period_us);
    if (file.name == "cpu.cfs_period_us") return set_v1(group, file.group, group.quota_us, number);
    return ENOENT;
  }
  if (file.name == "cgroup.type") return text == "threaded" ? make_threaded(file.group) : EINVAL;
  if (file.name == "cgroup.subtree_control") return switch_below(file.group, text);
  if (file.name != "cpu.max" || file.group == "/" || !has_cpu(file.group)) return ENOENT;
  std::istringstream words(text);
  std::int64_t quota = 0;
  std::int64_t period = 0;
  if (!(words >> quota >> period)) return EINVAL;
  if (quota < 1000 || period < 1000 || period > 1'000'000) return EINVAL;
  group.quota_us = quota;
  group.period_us = period;
  return 0;
}

int KernelModel::move(std::int64_t thread, const std::string& group) {
  const auto found = threads_.find(thread);
  if (found == threads_.end()) return ESRCH;
  if (v1()) {
    found->second.group = group;
    return 0;
  }
  // v2: threads of one process stay within one domain, and a group of processes that is below
  // threads' groups is invalid
  if (domain_of(found->second.group) != domain_of(group)) return EOPNOTSUPP;
  found->second.group = group;
  return 0;
}

int KernelModel::make_threaded(const std::string& group) {
  if (groups_.at(group).threaded) return 0;
  const std::string around = parent(group);
  const auto beside = children(around);
  const bool has_processes_below = std::any_of(
      beside.begin(), beside.end(),
      [&](const std::string& one) { return !groups_.at(one).threaded && has_threads(one); });
  if (around != "/" && !groups_.at(around).threaded && has_processes_below) return EOPNOTSUPP;
  groups_.at(group).threaded = true;
  return 0;
}

int KernelModel::switch_below(const std::string& group, const std::string& text) {
  if (text != "+cpu" && text != "-cpu") return EINVAL;
  if (text == "+cpu" && !has_cpu(group)) return ENOENT;
  for (const std::string& child : children(group)) {
    if (text == "-cpu" && groups_.at(child).cpu_below) return EBUSY;
  }
  groups_.at(group).cpu_below = text == "+cpu";
  return 0;
}

/// v1: no group gets a greater share than those around it.
int KernelModel::set_v1(Group& group, const std::string& path, std::int64_t quota,
                        std::int64_t period) const {
  if (period < 1000 || period > 1'000'000) return EINVAL;
  if (quota >= 0 && quota < 1000) return EINVAL;
  const double share = quota < 0 ? 0 : static_cast<double>(quota) / static_cast<double>(period);
  if (share > outer_ratio(path)) return EINVAL;
  group.quota_us = quota < 0 ? -1 : quota;
  group.period_us = period;
  return 0;
}

double KernelModel::outer_ratio(std::string group) const {
  double least = 1e9;
  while (group != "/") {
    group = parent(group);
    const Group& around = groups_.at(group);
    if (around.quota_us < 0) continue;
    least = std::min(least,
                     static_cast<double>(around.quota_us) / static_cast<double>(around.period_us));
  }
  return least;
}

}  // namespace godwit::cpuquota
