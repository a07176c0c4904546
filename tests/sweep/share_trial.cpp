// Faults while a share of a disk is copied beforehand and the rest afterwards. The guest writes to
// its disk at first; from long before the switchover on its disk must stay what it is.

#include <fmt/format.h>
#include <sys/mount.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "trial.h"

namespace godwit::e2e {
namespace {

constexpr const char* kLink = "8MB/s";
constexpr std::size_t kDisk = 24 << 20;
constexpr std::size_t kWritten = 8 << 20;                   // by the guest, at its beginning
constexpr std::size_t kHole = 4 << 20, kHoleAt = 16 << 20;  // so that there is one
constexpr Seconds kCutFor{5};
/// A filesystem in which there is room for a share's beginning, or for the share and not the rest.
constexpr std::size_t kRoomToCopy = 2 << 20, kRoomToMove = 12 << 20, kRoomForAll = 64 << 20;

void shell(const std::string& line) {
  if (std::system(line.c_str()) != 0) throw std::runtime_error(line + " failed");
}

/// Every 8 bytes tell their place.
std::string original() {
  std::string all(kDisk, '\0');
  for (std::size_t at = 0; at < kDisk; at += 8) {
    if (at >= kHoleAt && at < kHoleAt + kHole) continue;
    const std::string place = fmt::format("{:08x}", at);
    all.replace(at, 8, place);
  }
  return all;
}

std::string read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class ShareTrial final : public Trial {
 public:
  /// Disks have names that do not change, so that a guest which booted with them is restored.
  explicit ShareTrial(const Run& run) : Trial(run) {
    std::filesystem::current_path(file("."));
    make_disks();
    start(setup());
  }
  ~ShareTrial() override {
    if (!small_.empty()) (void)::umount2(small_.c_str(), MNT_DETACH);
  }

 private:
  [[nodiscard]] bool is_whole() const { return run().disk->share == 1; }
  /// A mirror's destination is as its source is.
  [[nodiscard]] std::string format_there() const {
    return is_whole() ? run().disk->format : "qcow2";
  }
  [[nodiscard]] static std::string disk_here() { return "src.disk"; }
  [[nodiscard]] std::string disk_there() const {
    return small_.empty() ? "dst.disk" : "small/dst.disk";
  }

  void make_disks() {
    std::ofstream(file("original"), std::ios::binary) << original();
    shell(fmt::format("qemu-img convert -q -f raw -O {} {} {}", run().disk->format,
                      file("original"), disk_here()));
    if (run().fault == Fault::kDiskFull) {
      small_ = file("small");
      std::filesystem::create_directory(small_);
      give_room(run().moment == Moment::kRest ? kRoomToMove : kRoomToCopy, 0);
    }
    const char* version = format_there() == "qcow2" ? "-o compat=0.10" : "";
    shell(fmt::format("qemu-img create -q -f {} {} {} {}", format_there(), version, disk_there(),
                      kDisk));
  }
  void give_room(std::size_t bytes, unsigned long flags) const {
    const std::string size = fmt::format("size={}", bytes);
    if (::mount("small", small_.c_str(), "tmpfs", flags, size.c_str()) != 0) {
      throw std::runtime_error("no small filesystem");
    }
  }

  PairSetup setup() {
    const auto disk = [](const std::string& format, const std::string& path) {
      return std::vector<std::string>{
          "-blockdev",
          fmt::format("driver={},node-name=disk0,discard=unmap,file.driver=file,file.filename={}",
                      format, path),
          "-device", "virtio-blk-pci,drive=disk0,id=disk0,werror=stop,rerror=stop"};
    };
    PairSetup setup;
    setup.between = Between::kCable;
    // it takes longer until memory, 10 s at that rate, has come
    setup.load =
        fmt::format("disk-write,set={}MiB,rate=1MB/s@6s;idle@60m+memory-write,set=8MiB,rate=1MB/s",
                    kWritten >> 20);
    setup.source = disk(run().disk->format, disk_here());
    setup.destination = disk(format_there(), disk_there());
    return setup;
  }

  std::vector<std::string> words() override {
    std::vector<std::string> words{
        "migrate", pair().source(), pair().destination(), "--json", "--technique", run().technique,
        "--link",  kLink,           "--max-time",         "600s",   "--no-profile"};
    if (!is_whole()) {
      words.insert(words.end(), {"--precopy-storage", fmt::format("{:g}", run().disk->share)});
    }
    return words;
  }

  bool has_come() override {
    if (run().moment == Moment::kCopying) {
      // a disk that is full needs nobody to strike
      return run().fault == Fault::kDiskFull || (is_whole() ? mirrors() : copies());
    }
    if (run().moment == Moment::kMemory) return sends_memory();
    if (run().moment == Moment::kSwitchover) return has_stopped();
    return fetches();
  }
  /// The second of its bitmaps comes with the copy, and the first chunks with it.
  bool copies() {
    const auto blocks = pair().try_ask(Side::kSource, "query-block");
    return blocks && blocks->dump().find("godwit-written-1") != std::string::npos;
  }
  bool fetches() {
    const auto jobs = pair().try_ask(Side::kDestination, "query-block-jobs");
    return jobs && !jobs->empty() && pair().state(Side::kDestination) == "running";
  }

  void strike(GodwitProgram& godwit) override {
    switch (run().fault) {
      case Fault::kLinkCutAndBack:
        pair().pull_cable();
        rest(kCutFor);
        return pair().plug_cable();
      case Fault::kLinkCut:
        return pair().pull_cable();
      case Fault::kDiskFull:
        return;  // by itself
      default:
        return Trial::strike(godwit);
    }
  }

  /// Where only a part of the disk is there, a link that is cut, or a disk that is full, is waited
  /// for: a person mends it.
  void follow(GodwitProgram& godwit) override {
    if (run().moment != Moment::kRest) return Trial::follow(godwit);
    if (run().fault == Fault::kDiskFull) {
      pair().await("a job that found no room", [&] { return !fetches(); });
      rest(kCutFor);
      give_room(kRoomForAll, MS_REMOUNT);
    }
    if (run().fault != Fault::kLinkCut) return Trial::follow(godwit);
    rest(kCutFor);
    godwit.signal(SIGINT);
    take_outcome(godwit.wait());
    if (row().vm_runs_on != "destination") row().wrong = "the guest moved before the cut";
    pair().plug_cable();
    recover();
  }

  /// As QEMU reads it, once its guest stands still and all is written down.
  std::string content(Side side) {
    const bool here = side == Side::kSource;
    if (pair().state(side) == "running") (void)pair().ask(side, "stop");
    shell(fmt::format("qemu-img convert -q -U -f {} -O raw {} {}",
                      here ? run().disk->format : format_there(), here ? disk_here() : disk_there(),
                      file("content")));
    return read_whole(file("content"));
  }

  void look_at_disks() override {
    const std::string source = content(Side::kSource);
    const std::string begun = original();
    if (source.size() != kDisk || source.compare(kWritten, kDisk, begun, kWritten) != 0) {
      row().disks = "the source's DIFFER";
    } else if (row().truth != "destination") {
      row().disks = "the source's as it was";
    } else if (is_lost()) {
      row().disks = "the rest is lost, said";
    } else {
      row().disks = content(Side::kDestination) == source ? "same" : "DIFFER";
    }
  }
  /// The source ended before all had come, and Godwit says so.
  [[nodiscard]] bool is_lost() const {
    return run().fault == Fault::kSourceDies && run().moment == Moment::kRest;
  }

  std::string small_;  ///< a filesystem for the destination's disk; empty: none of its own
};

}  // namespace

Row try_with_share(const Run& run) {
  return ShareTrial(run).go();
}

}  // namespace godwit::e2e
