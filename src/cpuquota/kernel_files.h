#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace godwit::cpuquota {

/// Done, or the errno of what failed.
template <class T>
using Os = tl::expected<T, int>;

/// The files by which the kernel shows threads (/proc) and takes orders (cgroup file systems). A
/// port of this module alone: its tests put a model of the kernel's rules in its place.
class KernelFiles {
 public:
  KernelFiles() = default;
  KernelFiles(const KernelFiles&) = delete;
  KernelFiles& operator=(const KernelFiles&) = delete;
  virtual ~KernelFiles() = default;

  virtual Os<std::string> read(const std::string& path) = 0;
  /// In one write(2): one order. Never makes a file.
  virtual Os<void> write(const std::string& path, const std::string& text) = 0;
  virtual Os<void> make_folder(const std::string& path) = 0;
  virtual Os<void> remove_folder(const std::string& path) = 0;
  /// Names of the folders in a folder, in no order.
  virtual Os<std::vector<std::string>> folders(const std::string& path) = 0;
  /// Whether this process may write to it, as far as that can be told beforehand.
  virtual Os<void> may_write(const std::string& path) = 0;
};

/// The kernel's own.
class RealKernelFiles final : public KernelFiles {
 public:
  Os<std::string> read(const std::string& path) override;
  Os<void> write(const std::string& path, const std::string& text) override;
  Os<void> make_folder(const std::string& path) override;
  Os<void> remove_folder(const std::string& path) override;
  Os<std::vector<std::string>> folders(const std::string& path) override;
  Os<void> may_write(const std::string& path) override;
};

}  // namespace godwit::cpuquota
