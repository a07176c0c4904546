#include "foreign_pair.h"

#include <sys/wait.h>

#include <csignal>
#include <stdexcept>

#include "start_program.h"

namespace godwit::e2e {
namespace {

constexpr Seconds kBoot{90};
constexpr Seconds kLook{0.02};

}  // namespace

ForeignPair::ForeignPair(const std::string& load, const std::string& source_ram,
                         const std::string& destination_ram)
    : stream_("tcp:127.0.0.1:" + std::to_string(free_port())) {
  source_ = start("src", source_ram, load, false);
  destination_ = start("dst", destination_ram, load, true);
  check_ = std::make_unique<lab::LabGuestCheck>(
      lab::LabGuestCheck::Files{folder_.file("src.console"), folder_.file("src.report")},
      lab::LabGuestCheck::Files{folder_.file("dst.console"), folder_.file("dst.report")});
  await_ready();
}

ForeignPair::~ForeignPair() {
  for (const pid_t pid : {source_, destination_}) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
}

pid_t ForeignPair::start(const std::string& name, const std::string& ram, const std::string& load,
                         bool incoming) {
  const auto socket = [&](const std::string& end) {
    return "unix:" + folder_.file(name + end) + ",server=on,wait=off";
  };
  std::vector<std::string> words{"qemu-system-x86_64",
                                 "-accel",
                                 "tcg",
                                 "-M",
                                 "pc,hpet=off",
                                 "-cpu",
                                 "Nehalem",
                                 "-m",
                                 ram,
                                 "-nodefaults",
                                 "-no-user-config",
                                 "-display",
                                 "none",
                                 "-name",
                                 "guest=foreign,debug-threads=on",
                                 "-kernel",
                                 image("vmlinux"),
                                 "-initrd",
                                 image("initrd.img"),
                                 "-append",
                                 first_line(image("cmdline")) + " godwit.load=" + load,
                                 "-serial",
                                 "file:" + folder_.file(name + ".console"),
                                 "-serial",
                                 "file:" + folder_.file(name + ".report"),
                                 "-qmp",
                                 socket(".qmp"),
                                 "-qmp",
                                 socket(".observer")};
  if (incoming) words.insert(words.end(), {"-incoming", "defer"});
  return start_program(std::move(words), {folder_.file(name + ".log")});
}

void ForeignPair::await_ready() {
  const TimePoint give_up = clock_.now() + kBoot;
  while (work(Side::kSource) <= 0) {
    if (clock_.now() > give_up) throw std::runtime_error("the guest did not get ready");
    (void)clock_.wait_until(clock_.now() + kLook, {});
  }
}

std::unique_ptr<qemu::QmpHypervisor> ForeignPair::observe_source() {
  auto connected = qemu::QmpHypervisor::connect(folder_.file("src.observer"), clock_);
  if (!connected) throw std::runtime_error(connected.error().message);
  return std::move(*connected);
}

std::unique_ptr<qemu::QmpHypervisor> ForeignPair::observe_destination() {
  auto connected = qemu::QmpHypervisor::connect(folder_.file("dst.observer"), clock_);
  if (!connected) throw std::runtime_error(connected.error().message);
  return std::move(*connected);
}

void ForeignPair::await_sent(std::int64_t bytes) {
  const auto source = observe_source();
  const TimePoint give_up = clock_.now() + kBoot;
  while (clock_.now() < give_up) {
    const auto status = source->migration_status();
    if (status && status->transferred && status->transferred->count() >= bytes) return;
    (void)clock_.wait_until(clock_.now() + kLook, {});
  }
  throw std::runtime_error("the migration did not get that far");
}

std::int64_t ForeignPair::work(Side side) {
  const auto vitals = check_->look(side);
  return vitals ? vitals->work.value_or(0) : 0;
}

bool ForeignPair::works_beyond(Side side, std::int64_t beyond) {
  const TimePoint give_up = clock_.now() + kBoot;
  while (clock_.now() < give_up) {
    if (work(side) > beyond) return true;
    (void)clock_.wait_until(clock_.now() + kLook, {});
  }
  return false;
}

}  // namespace godwit::e2e
