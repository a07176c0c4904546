#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "godwit/base/units.h"
#include "godwit/domain/guest_profile.h"

/// How sampled pages change, for XBZRLE.

namespace godwit::profile {

/// Bytes of the encoding that turns `before` into `after`, pages of one size: runs of equal and of
/// differing bytes in turn, each with its length as LEB128, the differing ones with their bytes, an
/// equal run at the end left out (QEMU: docs/devel/migration, XBZRLE). 0 for the same content.
[[nodiscard]] std::size_t xbzrle_size(std::span<const std::byte> before,
                                      std::span<const std::byte> after);

/// Keeps pages as they were last seen. Not thread-safe.
class ChangeSample {
 public:
  /// `positions`: pages that will be shown; `page`: their size.
  ChangeSample(std::size_t positions, PageSize page);

  /// The page at a position as it is now.
  void look(std::size_t position, std::span<const std::byte> page);
  /// It changed since the last look there.
  void look_changed(std::size_t position, std::span<const std::byte> page);

  /// Absent where nothing changed.
  [[nodiscard]] std::optional<PageChange> change() const;

 private:
  [[nodiscard]] std::span<const std::byte> kept(std::size_t position) const;

  std::size_t page_;
  std::vector<std::byte> pages_;  ///< by position

  std::int64_t changes_ = 0;
  std::int64_t overflows_ = 0;
  double modified_words_ = 0;  ///< sum of shares
  double xbzrle_bytes_ = 0;    ///< sum, without overflows
};

}  // namespace godwit::profile
