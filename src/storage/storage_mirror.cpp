#include "godwit/storage/storage_mirror.h"

#include <fmt/format.h>

#include <algorithm>

#include "godwit/base/log.h"
#include "switchover.h"

namespace godwit::storage {
namespace {

constexpr Seconds kMirrorTick{0.02};
/// A mirror that is given up waits for what it has under way; the adapter cuts its connection.
constexpr Seconds kDropPatience{15};

/// The connection, whatever the process does.
bool is_gone(const Error& error) {
  return error.code == ErrorCode::kPeerGone;
}

std::vector<std::string> names_there(const std::vector<MovedDisk>& disks) {
  std::vector<std::string> names;
  for (const MovedDisk& disk : disks) names.push_back(disk.destination);
  return names;
}

/// The destination's offer with the source's names for the disks.
void name_as_source(StorageOffer& offer, const std::vector<MovedDisk>& disks) {
  for (StorageOffer::Export& one : offer.exports) {
    const auto disk = std::find_if(disks.begin(), disks.end(), [&one](const MovedDisk& moved) {
      return moved.destination == one.device;
    });
    if (disk != disks.end()) one.device = disk->source;
  }
}

}  // namespace

Result<void> StorageMirror::begin(const MoveRequest& request) {
  const auto& [listen, stream, disks, parameters] = request;
  GODWIT_TRY(const StorageStatus before, source_.storage_status());
  if (before.mirrors > 0) {
    log::warning("giving up the mirrors that an earlier migration of disks has left");
    source_busy_ = true;
    if (!let_source_forget()) {
      return fail(ErrorCode::kBusy, "mirrors of an earlier migration of disks do not end",
                  "end them (QMP: query-jobs, block-job-cancel with force), then try again");
    }
  }
  destination_busy_ = true;
  auto offer = destination_.serve_storage(listen, names_there(disks));
  if (offer) offer = as_reached(std::move(*offer), listen, stream);
  if (offer) name_as_source(*offer, disks);
  if (!offer) {
    give_back();
    return fail(offer.error().while_doing("offering the destination's disks"));
  }
  disks_ = static_cast<int>(offer->exports.size());
  source_busy_ = true;
  if (auto begun = source_.mirror_storage(*offer, parameters.max_bandwidth); !begun) {
    give_back();
    return fail(begun.error().while_doing("mirroring the disks"));
  }
  return {};
}

Result<void> StorageMirror::look() {
  if (!source_busy_) return {};
  GODWIT_TRY(status_, source_.storage_status());
  if (!failure_.empty()) return {};
  if (!status_.error.empty()) {
    failure_ = fmt::format("a disk could not be mirrored: {}", status_.error);
  } else if (!finishing_ && status_.running < disks_) {
    failure_ = "somebody ended the mirror of a disk";
  }
  return {};
}

void StorageMirror::hand_over() {
  if (let_go() || !failure_.empty()) return;
  if (!finishing_) {
    finishing_ = judge(source_.finish_storage(), "the mirrors were not told to end");
    if (!finishing_ || !judge(look(), "the mirrors' end cannot be seen")) return;
  }
  if (failure_.empty() && status_.running == 0) release();
}

/// The disks are equal. In this order: a destination that still serves its disks would run the
/// guest on them all the same, with only a line in its log ("Permission conflict", measured on
/// QEMU 10.0).
void StorageMirror::release() {
  if (!judge(source_.drop_storage(), "the mirrors could not be cleared away")) return;
  source_busy_ = false;
  if (!judge(destination_.drop_storage(), "the destination goes on serving its disks")) return;
  destination_busy_ = false;
  if (!judge(go_on(source_), "QEMU did not go on to the switchover")) return;
  let_go_us_ = clock_.wall_us();
}

bool StorageMirror::judge(const Result<void>& done, std::string_view what) {
  if (!done && failure_.empty()) failure_ = fmt::format("{}: {}", what, done.error().message);
  return done.has_value();
}

/// True when the source has none of our mirrors any more.
bool StorageMirror::let_source_forget() {
  const TimePoint give_up = clock_.now() + kDropPatience;
  while (source_busy_) {
    const auto dropped = source_.drop_storage();
    const auto left = source_.storage_status();
    if (source_.known_ended()) {
      source_busy_ = false;  // they went with it
    } else if ((!dropped && is_gone(dropped.error())) || (!left && is_gone(left.error()))) {
      return false;
    } else if (dropped && left && left->mirrors == 0) {
      source_busy_ = false;
    } else if (clock_.now() >= give_up) {
      const Error& why = dropped ? (left ? Error{} : left.error()) : dropped.error();
      log::warning("the disks' mirrors did not end: {}", why.message);
      return false;
    } else {
      (void)clock_.wait_until(clock_.now() + kMirrorTick, {});
    }
  }
  return true;
}

bool StorageMirror::give_back() {
  const bool source_is_free = let_source_forget();
  if (destination_busy_) {
    const auto dropped = destination_.drop_storage();
    destination_busy_ = !dropped && !destination_.known_ended();
    if (destination_busy_) {
      log::warning("the destination goes on serving its disks: {}", dropped.error().message);
    }
  }
  return source_is_free && !destination_busy_;
}

StorageOutcome StorageMirror::outcome(std::optional<std::int64_t> stopped_us) const {
  StorageOutcome outcome;
  outcome.disks = disks_;
  outcome.mirrored = status_.done;
  if (stopped_us && let_go_us_) {
    outcome.finish =
        std::max(Seconds(static_cast<double>(*let_go_us_ - *stopped_us) * 1e-6), Seconds(0));
  }
  return outcome;
}

}  // namespace godwit::storage
