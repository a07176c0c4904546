#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/base/unique_fd.h"
#include "godwit/bench/run.h"
#include "godwit/engine/engine.h"
#include "godwit/lab/lab.h"
#include "godwit/rig/client_probes.h"

namespace godwit::rig {

/// Measures cells on a lab of two hosts. The guest is moved to and fro: it is booted anew only for
/// another size or disk, and after something broke. The lab is taken down with the rig.
class LabRig final : public bench::Rig {
 public:
  /// The lab's name, which is kept for this.
  static constexpr const char* kLab = "bench";

  /// kBusy while another godwit measures on this machine: each would spoil the other's figures.
  /// What one that was killed has left is removed.
  /// `engine` and `clock` outlive the rig; `stop` ends what is under way.
  static Result<std::unique_ptr<LabRig>> make(engine::Engine& engine, Clock& clock,
                                              std::stop_token stop);
  ~LabRig() override;

  Result<bench::Trial> run(const bench::Cell& cell, std::stop_token stop) override;
  Result<void> reset() override;

 private:
  LabRig(UniqueFd only_one, engine::Engine& engine, Clock& clock, std::stop_token stop);

  Result<void> prepare(const bench::Cell& cell);
  Result<void> build(const bench::Cell& cell);
  Result<void> adapt(const bench::Cell& cell);
  Result<void> change_load(const std::string& load);
  Result<bench::Trial> run_live(const bench::Cell& cell, const std::string& there);
  Result<bench::Trial> run_cold(const bench::Cell& cell, const std::string& here,
                                const std::string& there);
  Result<void> forget_host(const OutcomeRecord& record, const std::string& here,
                           const std::string& there);
  Result<void> meet_clients(const bench::Cell& cell);
  Result<void> watch_clients(const lab::GuestStatus& status);
  std::optional<bench::Network> seen_by_clients(const MigrationOutcome& outcome,
                                                const lab::Instance& here,
                                                const std::string& there);

  UniqueFd only_one_;  ///< held as long as we measure
  engine::Engine& engine_;
  Clock& clock_;
  std::stop_token stop_;
  std::optional<lab::LabSpec> built_;  ///< absent: nothing of ours is up
  lab::GuestSpec guest_;
  std::string disk_filled_by_;  ///< the load that did, of its own disk; empty: it is empty
  ClientProbes clients_;        ///< of the load that the guest runs
};

}  // namespace godwit::rig
