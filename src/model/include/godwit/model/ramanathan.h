#pragma once

#include <optional>

#include "godwit/base/units.h"

/// The migration-time estimate of Ramanathan, Ho, Tarasuk-Levin, "Live Migration Time Estimation"
/// (VMware), equations (1)-(4) and (10). Equations (5)-(9) are forecasts: see godwit/forecast.

namespace godwit::model {

struct RamanathanVm {
  Bytes memory;
  PageSize page_size{4096};
  BytesPerSecond transmit_rate;  ///< TX: more than 0
  BytesPerSecond dirty_rate;     ///< DR: mean over the migration
  Seconds trace_per_page{};  ///< trace install time of one page (host-specific; not in the paper)
  Seconds switchover{};      ///< T_SW (the paper: fairly constant, under 1 s)
};

struct RamanathanEstimate {
  Seconds trace_install{};  ///< T_PT, eq. (3)
  Seconds send{};           ///< T_SP, eq. (4)
  Seconds precopy{};        ///< T_MP, eq. (2)
  Seconds total{};          ///< T_M, eq. (1)
};

/// Eq. (3): install time per page, and a sleep of 10 ms after each full 400 MB.
[[nodiscard]] Seconds ramanathan_trace_install(Bytes memory, PageSize page_size,
                                               Seconds trace_per_page);

/// Memory pre-copy converges only while pages are sent faster than they are dirtied (section 2.1).
[[nodiscard]] bool ramanathan_converges(BytesPerSecond transmit_rate, BytesPerSecond dirty_rate);

/// Eqs (1)-(4); nothing when pre-copy does not converge.
[[nodiscard]] std::optional<RamanathanEstimate> ramanathan_estimate(const RamanathanVm& vm);

/// Stun During Page Send (section 2.1): the share of its speed that the guest may keep so that its
/// dirty rate is `margin` (< 1) of the transmit rate; 1 when it already is below that.
[[nodiscard]] Ratio ramanathan_sdps_speed(BytesPerSecond transmit_rate, BytesPerSecond dirty_rate,
                                          Ratio margin);

/// Eq. (10): T = T_O + T_M, what a user waits. The paper's T_O is around 3 s.
[[nodiscard]] Seconds ramanathan_user_time(Seconds management_overhead, Seconds migration);

}  // namespace godwit::model
