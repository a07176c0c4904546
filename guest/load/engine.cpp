#include "engine.h"

#include <exception>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "godwit/guest/content.h"
#include "memory.h"
#include "stop.h"

namespace godwit::guest {
namespace {

// Contents repeat from boot to boot: two runs of one load differ as little as can be.
constexpr std::uint64_t kFirstSeed = 1;
constexpr std::uint64_t kSeedsPerLoad = 16;

// Memory that is filled once and then left alone.
class Fill {
 public:
  Fill(std::int64_t bytes, std::uint64_t seed) : memory_(pages_for(bytes)) {
    Random random(seed);
    fill_random(memory_.words(), random);
  }

 private:
  LockedMemory memory_;
};

struct PreparedPhase {
  std::unique_ptr<Fill> fill;
  std::unique_ptr<Load> load;
  std::int64_t duration_ns;  // kNever: no end
  Counters* counters;
};

}  // namespace

std::unique_ptr<Load> make_load(const LoadSpec& spec, const LoadContext& context) {
  switch (spec.kind) {
    case LoadKind::kIdle:
      return make_idle(context);
    case LoadKind::kCpu:
      return make_cpu(spec, context);
    case LoadKind::kMemoryWrite:
    case LoadKind::kMemoryRead:
      return make_memory(spec, context);
    case LoadKind::kMemoryHeap:
      return make_heap(spec, context);
    case LoadKind::kDiskWrite:
    case LoadKind::kDiskRead:
      return make_disk(spec, context);
    case LoadKind::kTcpSend:
    case LoadKind::kUdpSend:
      return make_sender(spec, context);
    case LoadKind::kTcpReceive:
    case LoadKind::kUdpReceive:
      return make_receiver(spec, context);
    case LoadKind::kHttp:
      return make_http(spec, context);
    case LoadKind::kProgram:
      return make_program(spec, context);
  }
  throw std::logic_error("a load of no kind");
}

// All loads of one plan. The constructor makes everything ready, start() lets them begin together.
class Engine::Running {
 public:
  Running(const LoadPlan& plan, Telemetry& telemetry, const std::string& disk,
          const std::string& runner) {
    std::size_t slot = 0;
    for (const Track& track : plan.tracks) {
      std::vector<PreparedPhase> phases;
      for (const Phase& phase : track.phases) {
        const std::uint64_t seed = kFirstSeed + slot * kSeedsPerLoad;
        phases.push_back(prepare(phase, {telemetry.slots.at(slot), seed, disk, runner}));
        ++slot;
      }
      tracks_.push_back(std::move(phases));
    }
  }

  ~Running() { stop_.ask(); }  // and then the threads are joined, before their loads end

  void start() {
    for (const auto& track : tracks_) {
      threads_.emplace_back([this, &track] { run_track(track); });
    }
  }

 private:
  static PreparedPhase prepare(const Phase& phase, LoadContext context) {
    context.counters.begin(phase.load.kind);
    PreparedPhase prepared;
    prepared.fill = std::make_unique<Fill>(phase.load.fill_bytes, context.seed++);
    prepared.load = make_load(phase.load, context);
    prepared.duration_ns = phase.duration_ms ? *phase.duration_ms * kNsPerMs : kNever;
    prepared.counters = &context.counters;
    return prepared;
  }

  void run_track(const std::vector<PreparedPhase>& phases) const {
    std::int64_t end_ns = now_ns();
    while (!stop_.asked()) {
      for (const PreparedPhase& phase : phases) {
        // From the phase's own planned end, so that rounds do not drift.
        end_ns = phase.duration_ns == kNever ? kNever : end_ns + phase.duration_ns;
        run_phase(phase, Until(stop_, end_ns));
      }
    }
  }

  // A load that fails stays failed, says so in the report, and takes up its time doing nothing:
  // the others must not notice.
  static void run_phase(const PreparedPhase& phase, const Until& until) {
    if (phase.counters->failed == nullptr) {
      try {
        phase.load->run(until);
      } catch (const std::system_error& error) {
        phase.counters->fail(error.code().message());
      } catch (const std::runtime_error& error) {
        phase.counters->fail(error.what());
      }
    }
    until.wait();
  }

  // In this order: the threads end first, and the signal they look at last.
  StopSignal stop_;
  std::vector<std::vector<PreparedPhase>> tracks_;
  std::vector<std::jthread> threads_;
};

Engine::Engine(Telemetry& telemetry, std::string disk, std::string runner)
    : telemetry_(telemetry), disk_(std::move(disk)), runner_(std::move(runner)) {}

Engine::~Engine() = default;

void Engine::run(const LoadPlan& plan) {
  running_ = std::make_unique<Running>(plan, telemetry_, disk_, runner_);
  telemetry_.loads = plan.loads();
  plan_ = plan;
  running_->start();
}

void Engine::start(const LoadPlan& plan) {
  run(plan);
  telemetry_.state = State::kReady;
}

std::string Engine::change(const LoadPlan& plan) {
  const LoadPlan former = plan_;
  telemetry_.state = State::kFilling;
  telemetry_.loads = 0;
  running_.reset();
  std::string error;
  try {
    run(plan);
  } catch (const std::exception& failure) {
    error = failure.what();
  }
  if (!error.empty()) {
    try {
      run(former);
      error += "; the former load runs again";
    } catch (const std::exception&) {
      run({{Track{{Phase{LoadSpec{}}}}}});
      error += "; the guest is idle now";
    }
  }
  telemetry_.changes.fetch_add(1);
  telemetry_.state = State::kReady;
  return error;
}

}  // namespace godwit::guest
