#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "godwit/domain/cpu_quota.h"
#include "kernel_files.h"

namespace godwit::cpuquota {

/// The kernel's rules for groups of threads and their CPU bandwidth, in memory. They are those of
/// the kernel's cgroup-v2.rst and sched-bwc.rst, tried by hand on Linux 6.18.
class KernelModel : public KernelFiles {
 public:
  /// The hierarchy that has the CPU controller. `root` is the group that is seen at `mount`.
  KernelModel(CgroupVersion version, std::string mount, std::string root = "/");

  // --- what a host's managers do ---
  /// A group by its path in the hierarchy; those around it are made too. v2: with the CPU
  /// controller.
  void add_group(const std::string& path, bool threaded = false);
  /// v2: switches the controller for the groups below on or off.
  void control_below(const std::string& path, bool on);
  void set_quota(const std::string& path, std::int64_t quota_us, std::int64_t period_us);
  void add_process(std::int64_t pid, std::int64_t started);
  void add_thread(std::int64_t pid, std::int64_t thread, const std::string& name,
                  const std::string& group);
  void end_thread(std::int64_t thread) { threads_.erase(thread); }
  void end_process(std::int64_t pid);
  void make_real_time(std::int64_t thread) { threads_.at(thread).policy = 1; }
  /// As QEMU numbers it, in a process namespace of its own.
  void number_inside(std::int64_t thread, std::int64_t own) { threads_.at(thread).own = own; }
  void use_cpu(std::int64_t thread, std::int64_t ns) { threads_.at(thread).on_cpu_ns = ns; }
  /// To the group that a thread is in.
  void hold_back(std::int64_t thread, std::int64_t us) { group_of(thread).held_back_us = us; }
  void protect(const std::string& path) { groups_.at(path).writable = false; }
  void mount_read_only() { read_only_ = true; }
  void unmount() { mounted_ = false; }
  /// Removing a group fails so many times, as when a thread in it is just ending.
  void stay_busy(int times) { busy_ = times; }

  // --- the end of Godwit, or of its luck ---
  /// So many more changes are made; the process that asked for the next one was killed.
  void die_after(int changes) { left_ = changes; }
  void live_on() { left_ = -1; }
  /// The change after so many more fails, once.
  void fail_after(int changes) { luck_ = changes; }
  [[nodiscard]] int changes() const { return changes_; }

  // --- what is to be seen ---
  [[nodiscard]] std::string place(std::int64_t thread) const { return threads_.at(thread).group; }
  /// "50000 100000", "max 100000".
  [[nodiscard]] std::string quota(const std::string& path) const;
  /// All groups, what is on below them, and which threads are in them.
  [[nodiscard]] std::string state() const;

  Os<std::string> read(const std::string& path) override;
  Os<void> write(const std::string& path, const std::string& text) override;
  Os<void> make_folder(const std::string& path) override;
  Os<void> remove_folder(const std::string& path) override;
  Os<std::vector<std::string>> folders(const std::string& path) override;
  Os<void> may_write(const std::string& path) override;

 private:
  struct Group {
    bool threaded = false;
    bool cpu_below = false;
    bool writable = true;
    std::int64_t quota_us = -1;
    std::int64_t period_us = 100'000;
    std::int64_t held_back_us = 0;
  };
  struct Thread {
    std::int64_t pid = 0;
    std::string name;
    std::string group;
    std::int64_t own = 0;
    std::int64_t policy = 0;
    std::int64_t on_cpu_ns = 0;
  };
  struct File {
    std::string group;
    std::string name;
  };

  [[nodiscard]] bool v1() const { return version_ == CgroupVersion::kV1; }
  [[nodiscard]] Group& group_of(std::int64_t thread) {
    return groups_.at(threads_.at(thread).group);
  }
  /// The group of a folder, or of a file in it; no group where the path is not one of ours.
  [[nodiscard]] std::string group_at(const std::string& folder) const;
  [[nodiscard]] File file_at(const std::string& path) const;
  [[nodiscard]] std::vector<std::string> children(const std::string& group) const;
  [[nodiscard]] bool has_threads(const std::string& group) const;
  [[nodiscard]] bool has_cpu(const std::string& group) const;
  [[nodiscard]] std::string domain_of(std::string group) const;
  [[nodiscard]] double outer_ratio(std::string group) const;
  int change();  ///< errno; 0: go on

  Os<std::string> read_group(const Group& group, const File& file) const;
  Os<std::string> read_proc(const std::string& path) const;
  int write_group(const File& file, const std::string& text);
  int move(std::int64_t thread, const std::string& group);
  int make_threaded(const std::string& group);
  int switch_below(const std::string& group, const std::string& text);
  int set_v1(Group& group, const std::string& path, std::int64_t quota, std::int64_t period) const;

  CgroupVersion version_;
  std::string mount_;
  std::string root_;
  std::map<std::string, Group> groups_;
  std::map<std::int64_t, Thread> threads_;
  std::map<std::int64_t, std::int64_t> started_;  ///< by process
  bool read_only_ = false;
  bool mounted_ = true;
  int busy_ = 0;
  int left_ = -1;
  int luck_ = -1;
  int changes_ = 0;
};

}  // namespace godwit::cpuquota
