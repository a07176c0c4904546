#pragma once

#include <string>
#include <string_view>

#include "godwit/codec/codec.h"
#include "godwit/control/migration_run.h"

/// Where a running migration stands, as `migrate` and `watch` say it.

namespace godwit::terminal {

/// The end of a progress bar's line.
[[nodiscard]] std::string progress_note(const control::Progress& progress);
/// The bar's share: of the time that is expected in all, as QEMU's "remaining" falls and rises.
[[nodiscard]] double share_done(const control::Progress& progress);
/// "limit 50 ms, post-copy", whatever came of it.
[[nodiscard]] std::string order_text(const AppliedOrder& applied);

/// The contract's line (cli.md, `watch`). `event`: "look", "round" or "order".
[[nodiscard]] Json line_of(const control::Progress& progress, std::string_view event);
/// The same with the round that has ended, or with the order.
[[nodiscard]] Json line_of(const control::RunEvent& event);

}  // namespace godwit::terminal
