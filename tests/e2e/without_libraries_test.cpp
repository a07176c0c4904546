// libsvm and XGBoost are for those who train, libvirt's library for those who name it: the program
// neither links them nor needs them else.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "godwit_program.h"
#include "source_tree.h"

namespace godwit::e2e {
namespace {

using testing::HasSubstr;
using testing::Not;

/// What a command of the shell prints.
std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string text;
  std::array<char, 4096> buffer{};
  while (std::fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr) text += buffer.data();
  return text;
}

/// Lets the dynamic linker find empty files where the libraries would be.
class WithoutLibraries : public testing::Test {
 protected:
  WithoutLibraries() {
    for (const char* name : {GODWIT_LIBSVM, GODWIT_XGBOOST, "libvirt.so.0"})
      std::ofstream(folder_.file(name));
    ::setenv("LD_LIBRARY_PATH", folder_.file("").c_str(), 1);
  }
  ~WithoutLibraries() override { ::unsetenv("LD_LIBRARY_PATH"); }

  TemporaryFolder folder_;
};

TEST(TrainingLibraries, AreNotLinked) {
  const std::string needed = output_of("readelf -d " + built_godwit());
  EXPECT_THAT(needed, HasSubstr("(NEEDED)"));
  EXPECT_THAT(needed, Not(HasSubstr("svm")));
  EXPECT_THAT(needed, Not(HasSubstr("xgboost")));
}

TEST_F(WithoutLibraries, WhatTrainsSaysWhatToInstall) {
  const std::vector<std::vector<std::string>> commands{
      {"learn", "-o", folder_.file("model.json"), "--json"},
      {"evaluate", "--json"},
      {"evaluate", "--learning-curve", "--json"}};
  for (const auto& command : commands) {
    const Finished run = run_godwit(command);
    EXPECT_NE(run.status, 0);
    const Json error = run.json().at("error");
    EXPECT_EQ(error.at("code"), "environment");
    EXPECT_THAT(error.at("message"), HasSubstr(GODWIT_LIBSVM));
    EXPECT_THAT(error.at("what_to_do"), HasSubstr("libsvm3"));
  }
  EXPECT_FALSE(std::ifstream(folder_.file("model.json")));
}

TEST(LibvirtLibrary, IsNotLinked) {
  EXPECT_THAT(output_of("readelf -d " + built_godwit()), Not(HasSubstr("libvirt")));
}

TEST_F(WithoutLibraries, WhoNamesADomainIsToldWhatToInstall) {
  const std::vector<std::vector<std::string>> commands{
      {"profile", "libvirt:vm", "--json"},
      {"watch", "libvirt:vm", "--json"},
      {"evacuate", "libvirt:qemu:///system", "--hosts", "qemu+tls://host/system", "--link",
       "1Gbit/s", "--json"},
      {"migrate", "libvirt:vm", "libvirt:qemu+tls://host/system", "--json", "--store",
       folder_.file("store.db")}};
  for (const auto& command : commands) {
    const Finished run = run_godwit(command);
    EXPECT_EQ(run.status, 3) << run.out << run.err;
    const Json error = run.json().at("error");
    EXPECT_EQ(error.at("code"), "environment");
    EXPECT_THAT(error.at("what_to_do"), HasSubstr("libvirt0"));
  }
}

TEST_F(WithoutLibraries, NobodyElseMissesThem) {
  EXPECT_EQ(run_godwit({"--version"}).status, 0);
  const Finished quick = run_godwit({"evaluate", "--quick", "--json"});
  EXPECT_EQ(quick.status, 0) << quick.out << quick.err;
}

}  // namespace
}  // namespace godwit::e2e
