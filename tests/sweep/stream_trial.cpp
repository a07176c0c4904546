// Faults of a stream, of monitors, and of those at both ends; disks are mirrored.

#include <fstream>

#include "trial.h"

namespace godwit::e2e {
namespace {

constexpr const char* kLink = "20MB/s";
constexpr int kDiskMiB = 24;
constexpr Seconds kMute{60};

class StreamTrial final : public Trial {
 public:
  explicit StreamTrial(const Run& run) : Trial(run) {
    start(setup());
    pair().wire().throttle(25e6);
    if (at_source(run.fault)) monitor_ = &pair().forward_monitor(Side::kSource);
    if (at_destination(run.fault)) monitor_ = &pair().forward_monitor(Side::kDestination);
  }

 private:
  static bool at_source(Fault fault) {
    return fault == Fault::kSourcesMonitorLost || fault == Fault::kSourcesMonitorMute;
  }
  static bool at_destination(Fault fault) {
    return fault == Fault::kDestinationsMonitorLost || fault == Fault::kDestinationsMonitorMute;
  }
  [[nodiscard]] bool takes_disks() const {
    return run().technique.find("+storage") != std::string::npos;
  }

  PairSetup setup() {
    PairSetup setup;
    setup.between = Between::kForwarder;
    setup.load = "memory-write,set=16MiB,rate=3MB/s,fill=40MiB";
    if (!takes_disks()) return setup;
    for (const char* side : {"src.img", "dst.img"}) {
      std::ofstream(file(side)) << std::string(std::size_t{kDiskMiB} << 20, side[0]);
    }
    const std::string drive = "if=virtio,format=raw,id=disk0,file=";
    setup.source = {"-drive", drive + file("src.img")};
    setup.destination = {"-drive", drive + file("dst.img")};
    return setup;
  }

  std::vector<std::string> words() override {
    return {"migrate",    pair().source(), pair().destination(), "--json", "--recover-for",
            "30s",        "--technique",   run().technique,      "--link", kLink,
            "--max-time", "120s",          "--no-profile"};
  }

  bool has_come() override {
    if (run().moment == Moment::kSwitchover) return has_stopped();
    if (run().moment == Moment::kPostcopy) {
      return pair().migration(Side::kSource) == "postcopy-active";
    }
    return takes_disks() ? mirrors() : sends_memory();
  }

  void strike(GodwitProgram& godwit) override {
    switch (run().fault) {
      case Fault::kStreamCut:
        return pair().wire().cut();
      case Fault::kDestinationsMonitorLost:
      case Fault::kSourcesMonitorLost:
        return monitor_->kill();
      case Fault::kDestinationsMonitorMute:
      case Fault::kSourcesMonitorMute:
        monitor_->mute(true, true);
        rest(kMute);
        return monitor_->mute(false, false);
      default:
        return Trial::strike(godwit);
    }
  }

  Forwarder* monitor_ = nullptr;
};

}  // namespace

Row try_by_stream(const Run& run) {
  return StreamTrial(run).go();
}

}  // namespace godwit::e2e
