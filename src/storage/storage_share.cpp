#include "godwit/storage/storage_share.h"

#include <fmt/format.h>

#include <algorithm>

#include "fetch_pace.h"
#include "godwit/agility/share_rules.h"
#include "godwit/base/log.h"
#include "godwit/domain/address.h"
#include "godwit/domain/downtime_limit.h"
#include "switchover.h"

namespace godwit::storage {
namespace {

constexpr Seconds kFetchAgain{1};

double share_of(const MoveRequest& request) {
  return request.parameters.precopy_storage.value_or(Ratio(1)).value();
}

std::vector<std::string> names_of(const std::vector<MovedDisk>& disks,
                                  std::string MovedDisk::*side) {
  std::vector<std::string> names;
  for (const MovedDisk& disk : disks) names.push_back(disk.*side);
  return names;
}

Result<std::vector<DiskRoute>> routes_between(const StorageOffer& from, const StorageOffer& to,
                                              const std::vector<MovedDisk>& disks) {
  std::vector<DiskRoute> routes;
  for (std::size_t i = 0; i < disks.size(); ++i) {
    const auto there = std::find_if(to.exports.begin(), to.exports.end(), [&](const auto& one) {
      return one.device == disks[i].destination;
    });
    if (there == to.exports.end()) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("the destination does not offer its disk {}", disks[i].destination));
    }
    routes.push_back({from.exports[i].name, there->name});
  }
  return routes;
}

}  // namespace

StorageShare::StorageShare(Clock& clock, Hypervisor& source, Hypervisor& destination,
                           DiskCopier* copier)
    : clock_(clock), source_(source), destination_(destination), copier_(copier) {}

StorageShare::~StorageShare() {
  if (!let_go()) (void)give_back();
}

// --- before the guest moves ---

Result<void> StorageShare::begin(const MoveRequest& request) {
  request_ = request;
  auto done = set_up();
  if (done && step_ == Step::kIdle) done = begin_first_round();
  if (!done) give_back();
  return done;
}

Result<void> StorageShare::set_up() {
  DiskSharing* const here = source_.disk_sharing();
  if (here == nullptr || destination_.disk_sharing() == nullptr) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("the {}'s QEMU can't run a guest whose disk is not all there",
                            here == nullptr ? "source" : "destination"),
                "use QEMU 10.0 or newer on both sides, or move all of the disks beforehand");
  }
  if (copier_ == nullptr) {
    return fail(ErrorCode::kUnsupported,
                "shares of disks are copied beside the VM, whose process can't be seen from here",
                "run godwit on the VM's host, or move all of the disks beforehand");
  }
  const auto stream = tcp_address_of(request_.stream);
  if (!stream) {
    return fail(ErrorCode::kBadInput,
                fmt::format("a share of the disks moves by TCP, and {} is none", request_.stream),
                "name the destination by tcp:ADDRESS:PORT");
  }
  destination_busy_ = true;
  GODWIT_TRY(StorageOffer to,
             destination_.serve_storage(request_.listen,
                                        names_of(request_.disks, &MovedDisk::destination)));
  GODWIT_TRY(to, as_reached(std::move(to), request_.listen, request_.stream));
  if (to.encrypted) {
    return fail(ErrorCode::kUnsupported,
                "the migration is encrypted, and a share of the disks can't be copied so yet",
                "move all of the disks beforehand");
  }
  GODWIT_TRY(const std::string address, copier_->address_towards(to));
  source_busy_ = true;
  GODWIT_TRY(source_offer_, here->share_disks(uri_of({address, stream->port}),
                                              names_of(request_.disks, &MovedDisk::source)));
  GODWIT_TRY(const auto routes, routes_between(source_offer_, to, request_.disks));
  GODWIT_CHECK_OK(copier_->open(source_offer_, to, routes));
  const double share = share_of(request_);
  if (share > 0 && share < 1) {
    step_ = Step::kObserving;
    observe_until_ = clock_.now() + agility::kObserveWrites;
  }
  return {};
}

Result<void> StorageShare::begin_first_round() {
  step_ = Step::kCopying;
  copying_since_ = clock_.now();
  GODWIT_TRY(const auto of_late, source_.disk_sharing()->rotate_written());
  return copier_->copy_share(Ratio(share_of(request_)), of_late, request_.parameters.max_bandwidth);
}

Result<void> StorageShare::look() {
  if (!failure_.empty() || let_go()) return {};
  if (step_ == Step::kObserving && clock_.now() >= observe_until_) {
    (void)judge(begin_first_round(), "a share of the disks can't be copied");
  }
  if (step_ != Step::kCopying) {
    GODWIT_TRY(const RunState state, source_.run_state());  // so that a dead source is noticed
    (void)state;
    return {};
  }
  copied_ = copier_->status();
  if (copied_.failure) {
    failure_ = copied_.failure->message;
  } else if (!copied_.running) {
    end_round();
  }
  return {};
}

/// What the guest wrote meanwhile to what had been copied is copied again, while rounds get
/// shorter.
void StorageShare::end_round() {
  const Bytes round = copied_.copied - copied_before_;
  copied_before_ = copied_.copied;
  ++rounds_;
  copying_for_ = clock_.now() - copying_since_;
  if (rounds_ >= agility::kMostRounds || round <= agility::kSmallRound) {
    step_ = Step::kReady;
    return;
  }
  const auto written = source_.disk_sharing()->rotate_written();
  if (!written) {
    (void)judge(fail(written.error()), "what the guest writes can't be followed");
    return;
  }
  (void)judge(copier_->copy_written(*written), "what the guest wrote can't be copied");
}

Bytes StorageShare::done() const {
  return let_go() ? rest_.done : copied_.copied;
}

Bytes StorageShare::left() const {
  return let_go() ? rest_.total - std::min(rest_.done, rest_.total) : copied_.left;
}

// --- the switchover ---

/// At the pace at which it was copied before.
Bytes StorageShare::last_rounds_budget() const {
  if (copying_for_.count() <= 0) return Bytes();
  const Seconds allowed = request_.parameters.downtime_limit.value_or(kDefaultDowntimeLimit);
  return copied_.copied / copying_for_ * (allowed * agility::kShareOfDowntime);
}

void StorageShare::hand_over() {
  if (let_go() || !failure_.empty()) return;
  if (!judge(prepare_destination(), "the guest's disks could not be handed over")) return;
  if (!judge(go_on(source_), "QEMU did not go on to the switchover")) return;
  let_go_us_ = clock_.wall_us();
}

/// In this order: what is stale can only be discarded while the image stands on nothing, and a
/// destination that still serves its disks would run the guest on disks that others may write to.
Result<void> StorageShare::prepare_destination() {
  GODWIT_TRY(const auto written, source_.disk_sharing()->rotate_written());
  GODWIT_CHECK_OK(copier_->finish(written, last_rounds_budget()));
  copied_ = copier_->status();
  for (auto& absent : copier_->absent()) paces_.emplace_back(std::move(absent));
  copier_->close();
  GODWIT_CHECK_OK(destination_.drop_storage());
  destination_busy_ = false;
  attached_ = true;
  return destination_.disk_sharing()->attach_source(
      source_offer_, names_of(request_.disks, &MovedDisk::destination), kReadPatience);
}

bool StorageShare::judge(const Result<void>& done, std::string_view what) {
  if (!done && failure_.empty()) failure_ = fmt::format("{}: {}", what, done.error().message);
  return done.has_value();
}

bool StorageShare::give_back() {
  if (copier_ != nullptr) copier_->close();
  DiskSharing* const here = source_.disk_sharing();
  DiskSharing* const there = destination_.disk_sharing();
  const auto settle = [](bool& busy, Hypervisor& side, const Result<void>& done) {
    busy = busy && !done && !side.known_ended();
    if (busy) log::warning("disks are not given back yet: {}", done.error().message);
  };
  if (attached_) settle(attached_, destination_, there->detach_source());
  if (destination_busy_) settle(destination_busy_, destination_, destination_.drop_storage());
  if (source_busy_ && !attached_) settle(source_busy_, source_, here->end_sharing());
  return !attached_ && !destination_busy_ && !source_busy_;
}

// --- the rest ---

Result<bool> fetch_step(DiskSharing& source, DiskSharing& destination,
                        std::optional<BytesPerSecond> most, RestStatus& status, bool& sharing) {
  if (!sharing) GODWIT_CHECK_OK(source.keep_sharing());
  sharing = true;
  GODWIT_TRY(RestStatus now, destination.rest_status());
  const std::string error = now.error;  // beginning anew forgets it
  if (now.running < now.disks) {
    GODWIT_CHECK_OK(destination.fetch_rest(most));
    GODWIT_TRY(now, destination.rest_status());
  }
  if (now.total > Bytes()) status = now;
  status.disks = now.disks;
  status.error = error;
  if (now.disks > 0) return true;
  GODWIT_CHECK_OK(source.end_sharing());
  return false;
}

/// What fails is tried again: the guest waits for what it needs, and QEMU connects anew.
bool StorageShare::follow() {
  if (!let_go() || independent_us_ || source_.known_ended() || destination_.known_ended()) {
    return false;
  }
  if (clock_.now() < next_try_) return true;
  const auto left = fetch_step(*source_.disk_sharing(), *destination_.disk_sharing(),
                               request_.parameters.max_bandwidth, rest_, keeps_sharing_);
  if (left && !*left) {
    independent_us_ = clock_.wall_us();
    source_busy_ = attached_ = false;
    return false;
  }
  if (left) pace();
  if (!left || !rest_.error.empty()) {
    next_try_ = clock_.now() + kFetchAgain;
    std::string why = left ? rest_.error : left.error().message;
    if (why != said_) log::warning("fetching the rest of the disks, which goes on: {}", why);
    said_ = std::move(why);
  }
  return true;
}

/// Jobs share the link evenly. One that can't be told goes on as it did.
void StorageShare::pace() {
  const auto most = request_.parameters.max_bandwidth;
  if (!most || rest_.jobs.empty()) return;
  const BytesPerSecond each(most->value() / static_cast<double>(rest_.jobs.size()));
  for (const FetchJob& job : rest_.jobs) {
    if (job.disk >= paces_.size()) continue;
    FetchPace& pace = paces_[job.disk];
    if (!pace.look(clock_.now(), job.position, each)) continue;
    const auto told = destination_.disk_sharing()->pace_fetch(job.disk, pace.speed());
    if (!told) log::debug("the rest of disk {} keeps its pace: {}", job.disk, told.error().message);
  }
}

StorageOutcome StorageShare::outcome(std::optional<std::int64_t> stopped_us) const {
  StorageOutcome outcome;
  const auto since = [](std::int64_t from, std::int64_t to) {
    return std::max(Seconds(static_cast<double>(to - from) * 1e-6), Seconds(0));
  };
  outcome.disks = static_cast<int>(request_.disks.size());
  outcome.mirrored = copied_.copied;
  outcome.precopy_share = request_.parameters.precopy_storage;
  outcome.discarded = copied_.discarded;
  if (stopped_us && let_go_us_) outcome.finish = since(*stopped_us, *let_go_us_);
  if (let_go_us_ && independent_us_) {
    outcome.independent_after = since(*let_go_us_, *independent_us_);
  }
  return outcome;
}

}  // namespace godwit::storage
