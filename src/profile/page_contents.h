#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "godwit/base/units.h"
#include "godwit/domain/guest_profile.h"

/// What sampled pages hold and how they change, for the techniques that shrink them.

namespace godwit::profile {

/// Bytes of the encoding that turns `before` into `after`, pages of one size: runs of equal and of
/// differing bytes in turn, each with its length as LEB128, the differing ones with their bytes, an
/// equal run at the end left out (QEMU: docs/devel/migration, XBZRLE). 0 for the same content.
[[nodiscard]] std::size_t xbzrle_size(std::span<const std::byte> before,
                                      std::span<const std::byte> after);

/// Shannon's entropy of a page's bytes, in bits per byte, 0...8.
[[nodiscard]] double byte_entropy(std::span<const std::byte> page);

/// Of `hashes`, the share whose value another one has, too; nothing for none.
[[nodiscard]] std::optional<Ratio> duplicate_share(std::vector<std::uint64_t> hashes);

/// Keeps pages as they were last seen. Not thread-safe.
class ContentSample {
 public:
  /// `positions`: pages that will be shown; `page`: their size.
  ContentSample(std::size_t positions, PageSize page);

  /// The page at a position as it is now.
  void look(std::size_t position, std::span<const std::byte> page);
  /// It changed since the last look there.
  void look_changed(std::size_t position, std::span<const std::byte> page);

  /// Of the last looks; compresses pages, some 20 ms of a CPU. `cpu_time`: what this thread has
  /// used.
  [[nodiscard]] std::optional<PageContents> contents(
      const std::function<Seconds()>& cpu_time) const;
  /// The same, of the pages that changed.
  [[nodiscard]] std::optional<PageContents> changed_contents(
      const std::function<Seconds()>& cpu_time) const;
  [[nodiscard]] std::optional<PageChange> change() const;

 private:
  [[nodiscard]] std::span<const std::byte> kept(std::size_t position) const;
  [[nodiscard]] std::optional<PageContents> contents_of(
      const std::vector<bool>& wanted, const std::function<Seconds()>& cpu_time) const;

  std::size_t page_;
  std::vector<std::byte> pages_;  ///< by position
  std::vector<bool> seen_;
  std::vector<bool> changed_;

  std::int64_t changes_ = 0;
  std::int64_t overflows_ = 0;
  double modified_words_ = 0;  ///< sum of shares
  double xbzrle_bytes_ = 0;    ///< sum, without overflows
};

}  // namespace godwit::profile
