#pragma once

#include "godwit/dataset/campaign.h"

namespace godwit::evaluate {

/// An idle guest with 200 MB of content, over 50 MB/s, and what the link alone explains.
inline dataset::CampaignRow idle_row() {
  dataset::CampaignRow row;
  row.status = "completed";
  row.load = "idle";
  row.link.rate = BytesPerSecond(50e6);
  row.max_time = Seconds(60);
  row.profile.emplace();
  row.profile->ram = Bytes(400 << 20);
  row.profile->zero_share = Ratio(0.5);
  row.profile->data_by_part.assign(32, Ratio(0.5));
  row.profile->dirty_curve = {{Seconds(1), Bytes(0), Bytes(0), Bytes(40960)}};
  row.total_time = Seconds((200 << 20) / 50e6);
  row.transferred = Bytes(200 << 20);
  row.downtime.qemu = Seconds(0.3);
  return row;
}

}  // namespace godwit::evaluate
