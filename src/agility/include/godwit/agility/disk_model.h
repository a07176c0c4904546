#pragma once

#include <optional>
#include <vector>

#include "godwit/base/units.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/link.h"
#include "godwit/model/zhang.h"

/// How the disks' part of a migration goes: rounds beforehand, the switchover, and the rest
/// afterwards, as `storage` carries them out (docs/disks.md, "How it goes"). Chunks are written as
/// Poisson processes (Zhang, Lam, Wang). Numbers are plain doubles in seconds and bytes. Pure.

namespace godwit::agility {

/// What moving a share takes beside bytes over the link's rate. Each was measured by
/// tools/measure_disks on the lab (docs/disks.md, "Predicted and measured").
struct DiskCosts {
  double set_up = 0.1;      ///< servers, exports, the look at the destination's images
  double hand_over = 0.15;  ///< of the stopped guest, beside what is copied last
  double settle = 0.35;     ///< from the switchover until the rest is fetched, and of its end
  double chunk = 0.012;     ///< of a job that fetches, for each of its chunks beside round trips
  double goodput = 0.9;     ///< of the link's rate, what copying reaches: TCP's headers, late turns
};

/// Where one course differs from the likely one.
struct DiskChance {
  double speed = 1;   ///< factor on the link's rate
  double writes = 1;  ///< factor on how often chunks are written
  double costs = 1;   ///< factor on all of DiskCosts but the goodput
};

/// What memory does meanwhile.
struct MemoryCourse {
  double seconds = 0;         ///< from memory's turn until the guest is stopped
  double downtime = 0;        ///< of memory alone
  double remote = 0;          ///< the guest runs at the destination, and memory still comes
  double lost = 0;            ///< of the guest's work, while it does
  double downtime_limit = 0;  ///< that QEMU was given
};

struct DiskCourse {
  double ready = 0;     ///< from the start until memory's turn
  double copied = 0;    ///< beforehand, with what was copied again
  double finish = 0;    ///< of the downtime: what was written last, and the handing over
  double rest = 0;      ///< to fetch the rest, once memory has come
  double fetched = 0;   ///< bytes of it
  double restored = 0;  ///< Zhang's Delta-T: the moved guest's time for the work of delta-T
  double agility = 0;   ///< Zhang's Gamma, 0 ... 1
};

class DiskModel {
 public:
  /// Of the disks of a profile. Nothing where there are none, or one does not tell what it holds.
  static std::optional<DiskModel> make(const GuestProfile& profile, const Link& link);

  /// One course, for a share of 0 ... 1. All of the disks, 1, is QEMU's mirror.
  [[nodiscard]] DiskCourse course(double share, const MemoryCourse& memory,
                                  const DiskChance& chance = {}) const;

  /// The time until memory's turn, which does not depend on what memory does.
  [[nodiscard]] double ready(double share, const DiskChance& chance = {}) const;

 private:
  /// Chunks of one class: how many there are, and were chosen to be copied beforehand.
  struct Class {
    double bytes = 0;
    double writes_per_s = 0;  ///< to each chunk
    double chunk = 64 << 10;  ///< bytes
    double chosen = 0;        ///< bytes
    double absent = 0;        ///< bytes, once the guest has moved
  };
  struct Before {
    double seconds = 0;
    double copied = 0;
    double last_round = 0;  ///< seconds
  };

  DiskModel() = default;
  void add_watched(const DiskWrites& writes, double held);
  void note_writes(double rate, double unwatched);
  [[nodiscard]] std::vector<Class> choose(double share, double writes) const;
  [[nodiscard]] Before mirror(const std::vector<Class>& classes, double rate) const;
  [[nodiscard]] Before copy_rounds(const std::vector<Class>& classes, double share,
                                   const DiskChance& chance) const;
  [[nodiscard]] Before before(const std::vector<Class>& classes, double share,
                              const DiskChance& chance) const;
  [[nodiscard]] double leave_absent(std::vector<Class>& classes, double window,
                                    double budget) const;
  void fetch(const std::vector<Class>& classes, const DiskChance& chance, DiskCourse& course) const;
  [[nodiscard]] double rate(const DiskChance& chance) const;
  [[nodiscard]] double restored(double absent, const MemoryCourse& memory, const DiskCourse& course,
                                double rate) const;

  DiskCosts costs_;
  std::vector<Class> classes_;  ///< of all disks; those that nobody was seen to write are one
  double held_ = 0;             ///< bytes
  double longest_hole_ = 0;     ///< bytes that are empty on the emptiest disk
  double link_rate_ = 0;
  double round_trip_ = 0;
  double reads_ = 0;         ///< bytes/s that the guest reads of its disks
  double whole_writes_ = 0;  ///< share of writes that replace all of a chunk
};

}  // namespace godwit::agility
