#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "qemu_pair.h"

namespace godwit::e2e {

/// What people who move VMs run into, each on a pair of QEMUs that strangers started. Every test
/// ends by comparing the outcome with the truth, which it knows without Godwit. docs/safety.md has
/// them in one table.
class Cases : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  QemuPair& start(const PairSetup& setup = {});
  [[nodiscard]] QemuPair& pair() { return *pair_; }
  /// The words of `godwit migrate` between the pair, with a quick look at the guest before.
  [[nodiscard]] std::vector<std::string> migrate(const std::vector<std::string>& more = {}) const;
  [[nodiscard]] std::vector<std::string> migrate_to(const std::string& stream,
                                                    const std::vector<std::string>& more) const;

  /// That side's guest runs and works, and the other does not run and never did meanwhile.
  void expect_runs_only(Side side);
  void expect_never_two() { EXPECT_EQ(pair().watch().two_ran().count(), 0.0); }
  /// The settings of that side, its block nodes, jobs and exports are as they were.
  void expect_as_before(Side side) { EXPECT_EQ(pair().possessions(side), pair().possessed(side)); }
  /// An error before anything was done: the destination waits as it did, the guest runs.
  /// `status`: 2, bad input; 3, what can't be done here.
  void expect_refused(const Finished& run, const std::string& word, int status = 2);
  void expect_completed(const Finished& run);
  /// Nothing moved, and the destination still waits for a first migration.
  void expect_destination_untouched();

  /// A file of that many bytes of `text` again and again; zeros where there is none.
  [[nodiscard]] std::string make_file(const std::string& name, std::size_t size,
                                      const std::string& text = {}) const;
  [[nodiscard]] std::string file(const std::string& name) const { return folder_.file(name); }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<QemuPair> pair_;
};

/// Whether the program said this in some way, on either stream; in capitals or not.
[[nodiscard]] bool says(const Finished& run, const std::string& word);
#define EXPECT_SAYS(run, word) \
  EXPECT_TRUE(says(run, word)) << (word) << ":\n" << (run).out << (run).err

[[nodiscard]] Json outcome_of(const Finished& run);

/// A drive on the guest's virtio bus, in QEMU's words.
[[nodiscard]] std::vector<std::string> drive(const std::string& file, const std::string& more = {});

}  // namespace godwit::e2e
