#include "godwit/rig/lab_rig.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cmath>
#include <cstddef>
#include <fstream>
#include <string_view>
#include <utility>

#include "godwit/base/log.h"
#include "godwit/lab/guest_report.h"
#include "godwit/lab/lab.h"
#include "godwit/lab/user_lab.h"
#include "godwit/model/zhang.h"
#include "godwit/probe/process_cpu.h"
#include "godwit/rig/lab_pair.h"
#include "lab_mover.h"

namespace godwit::rig {
namespace {

constexpr Seconds kReadyPatience{120};
/// Away from the outage, every so many pings are enough to draw.
constexpr std::size_t kEveryPing = 20;
constexpr std::int64_t kCloseUs = 1'500'000;

bool uses_disk(const bench::Cell& cell) {
  return cell.spec.find("disk-") != std::string::npos;
}

/// A part of its disk may come after it.
bool may_leave_disk(const bench::Cell& cell) {
  return cell.technique.storage && (cell.advised || leaves_disks_behind(cell.parameters));
}

/// What must be so when a guest boots; it begins idle, and is given its load then.
lab::GuestSpec guest_for(const bench::Cell& cell, const std::string& host) {
  lab::GuestSpec guest;
  guest.host = host;
  guest.ram = cell.ram;
  guest.programs = lab::runs_programs(cell.spec);
  guest.own_disks = cell.technique.storage || is_cold(cell.technique);
  guest.qcow2 = may_leave_disk(cell);
  if (guest.own_disks || uses_disk(cell)) guest.disk = cell.disk;
  return guest;
}

bool fits(const lab::GuestSpec& has, const lab::GuestSpec& wanted) {
  const bool has_disk = !wanted.disk || (has.disk == wanted.disk && has.qcow2 == wanted.qcow2);
  return has.ram == wanted.ram && has.own_disks == wanted.own_disks && has_disk &&
         (has.programs || !wanted.programs);
}

/// What a guest's own disk is full of: as compressible as what its load writes there.
std::string disk_content_for(const bench::Cell& cell) {
  if (!uses_disk(cell)) return "random";
  for (const char* content : {"compressible", "zero"}) {
    if (cell.spec.find(fmt::format("content={}", content)) != std::string::npos) return content;
  }
  return "random";
}

/// A disk of nothing would move in no time: so much of a guest's own one is written before it
/// moves.
std::int64_t filled_mib(const bench::Cell& cell) {
  return std::llround(cell.disk.as_double() * cell.disk_filled.value()) >> 20;
}
std::string filling_load(const bench::Cell& cell) {
  return fmt::format("disk-write,set={}MiB,rate=1MB/s,content={}", filled_mib(cell),
                     disk_content_for(cell));
}

/// Hands its report on and keeps a copy.
class KeepingProbe final : public OutageProbe {
 public:
  KeepingProbe(std::unique_ptr<OutageProbe> probe, std::optional<ProbeReport>& kept)
      : probe_(std::move(probe)), kept_(kept) {}

  Result<void> start(Seconds patience) override { return probe_->start(patience); }
  Result<ProbeReport> stop(Seconds linger) override {
    auto report = probe_->stop(linger);
    if (report) kept_ = *report;
    return report;
  }
  [[nodiscard]] bool answered_since(std::int64_t since_wall_us) const override {
    return probe_->answered_since(since_wall_us);
  }

 private:
  std::unique_ptr<OutageProbe> probe_;
  std::optional<ProbeReport>& kept_;
};

/// All pings around the longest gap, and a few of the rest.
std::vector<bench::PingSample> thinned(const ProbeReport& report, std::int64_t start_us) {
  std::vector<bench::PingSample> kept;
  for (std::size_t i = 0; i < report.answers.size(); ++i) {
    const ProbeAnswer& one = report.answers[i];
    const std::int64_t gap_end = report.longest_gap_start_wall_us +
                                 static_cast<std::int64_t>(report.longest_gap.count() * 1e6);
    const bool close = one.asked_wall_us > report.longest_gap_start_wall_us - kCloseUs &&
                       one.asked_wall_us < gap_end + kCloseUs;
    if (!close && i % kEveryPing != 0) continue;
    bench::PingSample ping;
    ping.at = Seconds(static_cast<double>(one.asked_wall_us - start_us) * 1e-6);
    if (one.answered_wall_us) {
      ping.answer = Seconds(static_cast<double>(*one.answered_wall_us - one.asked_wall_us) * 1e-6);
    }
    kept.push_back(ping);
  }
  return kept;
}

/// Reads one QEMU's CPU time at the first and at the last look.
class CpuMeter {
 public:
  explicit CpuMeter(std::int64_t pid) : pid_(pid) {}
  void look() {
    const auto now = probe::cpu_time_of(pid_);
    if (!now) return;
    if (!first_) first_ = *now;
    last_ = *now;
  }
  [[nodiscard]] std::optional<Seconds> used() const {
    return first_ ? std::optional(last_ - *first_) : std::nullopt;
  }

 private:
  std::int64_t pid_;
  std::optional<Seconds> first_;
  Seconds last_{};
};

/// How long a guest takes, where it has moved to, for what it usually does in Zhang's 20 s. By its
/// own clock and reports, ten of which come in a second.
class WorkMeter {
 public:
  explicit WorkMeter(std::string report) : report_(std::move(report)) { begun_ = look(report_); }

  /// What it has done since the meter was made, before it moves, is usual.
  void note_usual_pace() {
    const auto now = look(report_);
    if (!begun_ || !now || now->clock <= begun_->clock) return;
    pace_ = static_cast<double>(now->work - begun_->work) / (now->clock - begun_->clock).count();
  }

  /// Nothing where it does nothing, or not as much in five times the time.
  [[nodiscard]] std::optional<Seconds> time_restored(const std::string& report, Clock& clock,
                                                     const std::stop_token& stop) const {
    if (pace_ <= 0) return std::nullopt;
    const double wanted = pace_ * model::kZhangWork.count();
    const TimePoint give_up = clock.now() + model::kZhangWork * kMostSlowdown;
    do {
      if (const auto took = time_for(wanted, report)) return took;
    } while (clock.wait_until(clock.now() + kLookEvery, stop) && clock.now() < give_up);
    return std::nullopt;
  }

 private:
  static constexpr double kMostSlowdown = 5;
  static constexpr Seconds kLookEvery{0.5};

  static std::optional<lab::GuestReport> look(const std::string& path) {
    auto report = lab::newest_report(path);
    return report ? std::optional(std::move(*report)) : std::nullopt;
  }
  /// From its first whole line at the destination on.
  static std::optional<Seconds> time_for(double work, const std::string& path) {
    std::ifstream file(path);
    std::optional<lab::GuestReport> first;
    for (std::string line; std::getline(file, line);) {
      const auto report = lab::parse_report_line(line);
      if (!report) continue;
      if (!first) first = *report;
      if (static_cast<double>(report->work - first->work) >= work) {
        return report->clock - first->clock;
      }
    }
    return std::nullopt;
  }

  std::string report_;
  std::optional<lab::GuestReport> begun_;
  double pace_ = 0;  ///< work per second
};

/// What is measured beside the outcome while a migration runs.
class Recorder final : public engine::Observer {
 public:
  explicit Recorder(engine::OpenPair& pair)
      : source_(pair.source.description.pid), destination_(pair.destination.description.pid) {
    if (pair.probe) pair.probe = std::make_unique<KeepingProbe>(std::move(pair.probe), pings_);
  }
  void on_migrating(const control::Progress& progress) override {
    samples_.push_back({progress.elapsed, progress.transferred, progress.remaining,
                        progress.dirty_rate, progress.throttle_percent});
    source_.look();
    destination_.look();
    if (progress.phase == MigrationPhase::kPostcopyActive && !switched_) {
      switched_ = progress.elapsed;
    }
  }
  /// Since the start; absent: the guest did not run there before all of its memory had come.
  [[nodiscard]] std::optional<Seconds> switched() const { return switched_; }
  void fill(bench::Trial& trial) {
    trial.samples = std::move(samples_);
    trial.host_cpu = {source_.used(), destination_.used()};
    if (pings_) trial.pings = thinned(*pings_, trial.record->outcome.started_wall_us);
  }

 private:
  std::vector<bench::Sample> samples_;
  std::optional<Seconds> switched_;
  std::optional<ProbeReport> pings_;
  CpuMeter source_;
  CpuMeter destination_;
};

/// A name in the kernel's abstract namespace for sockets: it is gone with the process that has it,
/// however that ends.
Result<UniqueFd> take_turn() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return fail(errno_error("opening a socket", errno));
  constexpr std::string_view kName{"\0godwit-bench", 13};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  kName.copy(address.sun_path, kName.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + kName.size());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0) return fd;
  if (errno != EADDRINUSE) return fail(errno_error("binding a socket", errno));
  return fail(ErrorCode::kBusy, "another godwit measures on this machine",
              "wait for it: each would spoil the other's figures");
}

engine::Request request_for(const bench::Cell& cell) {
  engine::Request request;
  if (!cell.advised) request.technique = cell.technique;
  request.storage = cell.technique.storage;
  request.parameters = cell.parameters;
  request.intent = bench::intent_of(cell);
  request.law = cell.law;
  request.relay = cell.relay;
  request.link = Link{cell.link, {}};
  request.observe = cell.observe;
  request.rehearse = cell.rehearse ? engine::Rehearse::kAlways : engine::Rehearse::kNever;
  request.keep = false;
  return request;
}

}  // namespace

Result<std::unique_ptr<LabRig>> LabRig::make(engine::Engine& engine, Clock& clock,
                                             std::stop_token stop) {
  GODWIT_TRY(UniqueFd only_one, take_turn());
  // nobody measures: such a lab was left by one that was killed
  GODWIT_CHECK_OK(lab::down(kLab));
  return std::unique_ptr<LabRig>(new LabRig(std::move(only_one), engine, clock, std::move(stop)));
}

LabRig::LabRig(UniqueFd only_one, engine::Engine& engine, Clock& clock, std::stop_token stop)
    : only_one_(std::move(only_one)), engine_(engine), clock_(clock), stop_(std::move(stop)) {}

LabRig::~LabRig() {
  const auto gone = reset();
  for (const auto& step : {gone, lab::end_user_lab()}) {
    if (!step) log::warning("{}; take the lab {} down", step.error().message, kLab);
  }
}

Result<void> LabRig::reset() {
  clients_ = ClientProbes();
  if (!built_) return {};
  GODWIT_CHECK_OK(lab::down(kLab));
  built_.reset();
  return {};
}

Result<void> LabRig::build(const bench::Cell& cell) {
  GODWIT_CHECK_OK(reset());
  lab::LabSpec spec;
  spec.name = kLab;
  spec.migration_rate = cell.link;
  spec.round_trip = cell.round_trip;
  GODWIT_CHECK_OK(lab::up(spec));
  built_ = spec;
  guest_ = guest_for(cell, spec.hosts.front());
  disk_filled_by_.clear();
  GODWIT_CHECK_OK(lab::start_guest(kLab, guest_));
  GODWIT_CHECK_OK(lab::wait_ready(kLab, guest_.name, kReadyPatience, stop_));
  return adapt(cell);
}

/// Before the guest begins with the load: its senders connect but once.
Result<void> LabRig::meet_clients(const bench::Cell& cell) {
  clients_ = ClientProbes();  // the next ones may need the same ports
  GODWIT_TRY(const lab::LabStatus status, lab::status(kLab));
  GODWIT_TRY(clients_, ClientProbes::open(cell.spec, status.client_netns, clock_, stop_));
  return {};
}

Result<void> LabRig::watch_clients(const lab::GuestStatus& status) {
  GODWIT_TRY(const lab::LabStatus whole, lab::status(kLab));
  return clients_.start({whole.client_netns, status.address}, status.instances.front().report);
}

std::optional<bench::Network> LabRig::seen_by_clients(const MigrationOutcome& outcome,
                                                      const lab::Instance& here,
                                                      const std::string& there) {
  std::string report = here.report;
  if (outcome.vm_runs_on == VmRunsOn::kDestination) {
    if (const auto instance = lab::find_instance(kLab, guest_.name, there)) {
      report = instance->report;
    }
  }
  return clients_.stop(outcome, report);
}

Result<void> LabRig::adapt(const bench::Cell& cell) {
  if (built_->migration_rate != cell.link) {
    GODWIT_CHECK_OK(lab::set_migration_rate(kLab, cell.link));
    built_->migration_rate = cell.link;
  }
  if (guest_.own_disks && filled_mib(cell) > 0 && disk_filled_by_ != filling_load(cell)) {
    disk_filled_by_ = filling_load(cell);
    GODWIT_CHECK_OK(change_load(disk_filled_by_));
  }
  if (guest_.load == cell.spec) return {};
  GODWIT_CHECK_OK(meet_clients(cell));
  return change_load(cell.spec);
}

Result<void> LabRig::change_load(const std::string& load) {
  GODWIT_CHECK_OK(lab::change_load(kLab, guest_.name, load, kReadyPatience, stop_));
  guest_.load = load;
  return {};
}

Result<void> LabRig::prepare(const bench::Cell& cell) {
  const bool as_is =
      built_ && built_->round_trip == cell.round_trip && fits(guest_, guest_for(cell, guest_.host));
  return as_is ? adapt(cell) : build(cell);
}

/// Ends the QEMU that no longer has the guest; where that is not certain, the whole lab.
Result<void> LabRig::forget_host(const OutcomeRecord& record, const std::string& here,
                                 const std::string& there) {
  const VmRunsOn runs_on = record.outcome.vm_runs_on;
  const bool well = record.outcome.guest.alive != std::optional(false);
  const bool as_full = !record.outcome.storage || !record.outcome.storage->precopy_share ||
                       *record.outcome.storage->precopy_share == Ratio(1);
  // what was fetched afterwards has no holes any more: the next one would move another disk
  if (!well || !as_full || (runs_on != VmRunsOn::kSource && runs_on != VmRunsOn::kDestination))
    return reset();
  if (is_cold(record.outcome.technique)) return {};  // there never were two
  return retire_loser(kLab, guest_.name, runs_on, here, there);
}

Result<bench::Trial> LabRig::run(const bench::Cell& cell, std::stop_token) {
  GODWIT_CHECK_OK(prepare(cell));
  GODWIT_TRY(const lab::GuestStatus status, lab::find_guest(kLab, guest_.name));
  const std::string here = status.instances.front().host;
  GODWIT_CHECK_OK(watch_clients(status));
  const std::string there = here == built_->hosts[0] ? built_->hosts[1] : built_->hosts[0];
  GODWIT_TRY(bench::Trial trial,
             is_cold(cell.technique) ? run_cold(cell, here, there) : run_live(cell, there));
  if (stop_.stop_requested() && trial.record->outcome.status == OutcomeStatus::kCancelled) {
    return fail(ErrorCode::kInterrupted, "stopped in the middle of a migration");
  }
  trial.network = seen_by_clients(trial.record->outcome, status.instances.front(), there);
  if (const auto left = forget_host(*trial.record, here, there); !left) {
    log::warning("{}", left.error().message);
    GODWIT_CHECK_OK(reset());
  }
  return trial;
}

Result<bench::Trial> LabRig::run_live(const bench::Cell& cell, const std::string& there) {
  GODWIT_TRY(engine::OpenPair pair, open_lab_pair(engine_, kLab, guest_.name, there));
  if (!cell.pings) pair.probe.reset();
  Recorder recorder(pair);
  GODWIT_TRY(const lab::Instance destination, lab::find_instance(kLab, guest_.name, there));
  GODWIT_TRY(const lab::GuestStatus source, lab::find_guest(kLab, guest_.name));
  WorkMeter work(source.instances.front().report);
  GODWIT_TRY(const engine::PlannedMigration planned,
             engine_.plan(pair, request_for(cell), recorder));
  work.note_usual_pace();
  bench::Trial trial;
  GODWIT_TRY(trial.record, engine_.execute(pair, planned, recorder));
  recorder.fill(trial);
  const MigrationOutcome& outcome = trial.record->outcome;
  if (outcome.storage && outcome.vm_runs_on == VmRunsOn::kDestination) {
    trial.runs_there = recorder.switched() ? recorder.switched() : outcome.total_time;
    trial.restored = work.time_restored(destination.report, clock_, stop_);
  }
  return trial;
}

Result<bench::Trial> LabRig::run_cold(const bench::Cell& cell, const std::string& here,
                                      const std::string& there) {
  GODWIT_TRY(LabInstruments instruments, lab_instruments(kLab, guest_.name, here, there));
  std::optional<ProbeReport> pings;
  KeepingProbe probe(std::move(instruments.probe), pings);
  LabMover mover(kLab, guest_.name, here, there, cell.technique.codec == Codec::kZstd);
  control::ColdParties parties{mover};
  if (cell.pings) parties.probe = &probe;
  parties.check = instruments.check.get();
  parties.wire = instruments.wire.get();
  const MigrationPlan plan{cell.technique, cell.parameters, cell.max_time};
  bench::Trial trial;
  OutcomeRecord record;
  record.source = "lab:" + guest_.name;
  record.destination = "lab:" + there;
  record.link = Link{cell.link, {}};
  GODWIT_TRY(record.outcome, control::run_cold_migration(clock_, parties, plan, {}, stop_));
  if (pings) trial.pings = thinned(*pings, record.outcome.started_wall_us);
  trial.record = std::move(record);
  return trial;
}

}  // namespace godwit::rig
