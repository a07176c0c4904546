#pragma once

#include <string>
#include <vector>

#include "godwit_program.h"
#include "qemu_pair.h"
#include "run.h"

namespace godwit::e2e {

/// One run, from its pair's start to the truth. What kinds of runs differ in is virtual.
class Trial {
 public:
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;
  virtual ~Trial() = default;

  Row go();

 protected:
  explicit Trial(const Run& run) : run_(run) {}
  [[nodiscard]] std::string file(const std::string& name) const { return folder_.file(name); }
  void start(const PairSetup& setup);
  [[nodiscard]] QemuPair& pair() { return *pair_; }
  [[nodiscard]] const Run& run() const { return run_; }
  void rest(Seconds time) { (void)clock_.wait_until(clock_.now() + time, {}); }
  [[nodiscard]] TimePoint now() const { return clock_.now(); }
  void take_outcome(const Finished& finished);
  /// True when nothing is left to recover.
  bool recover();
  /// Until neither side's migration moves by itself any more; what still does then is judged as it
  /// is.
  void settle(Seconds most = Seconds(60));
  [[nodiscard]] Row& row() { return row_; }

  /// Godwit's command line.
  [[nodiscard]] virtual std::vector<std::string> words() = 0;
  /// Has the moment come?
  virtual bool has_come() = 0;
  /// Here: the deaths of processes. Other faults are those of the kinds of runs.
  virtual void strike(GodwitProgram& godwit);
  /// Until Godwit has ended, and what it said.
  virtual void follow(GodwitProgram& godwit);
  /// Once all is at rest.
  virtual void look_at_disks() {}
  /// Besides QEMU's own settings: what of the host is still borrowed; empty where nothing is.
  [[nodiscard]] virtual std::string still_lent() { return {}; }
  /// By this fault, at this moment, whatever is done.
  [[nodiscard]] virtual bool may_lose_guest() const { return true; }

  // --- moments ---
  [[nodiscard]] bool sends_memory();
  [[nodiscard]] bool mirrors();
  [[nodiscard]] bool has_stopped() { return pair().watch().count(Side::kSource, "STOP") > 0; }

  static bool is_any(const std::string& word, const std::vector<std::string>& of);

 private:
  void await_moment(GodwitProgram& godwit);
  void find_truth();
  void look_at_settings();
  void judge();

  Run run_;
  RealClock clock_;
  TemporaryFolder folder_;
  std::unique_ptr<QemuPair> pair_;
  std::string said_;
  bool admits_ = false;
  Row row_;
};

}  // namespace godwit::e2e
