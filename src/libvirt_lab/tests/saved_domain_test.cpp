#include "saved_domain.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <iterator>

#include "temporary_folder.h"

namespace godwit::libvirt_lab {
namespace {

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string word(std::uint32_t value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// As virsh saves it: with a cookie after the definition, and then QEMU's stream.
std::string saved(const std::string& magic, std::uint32_t version, std::uint32_t format) {
  const std::string data = std::string("<domain/>\0<cookie/>\0", 20);
  return magic + word(version) + word(20) + word(0) + word(format) + word(10) +
         std::string(56, '\0') + data + "QEVM stream";
}

class SavedDomain : public testing::Test {
 protected:
  Result<void> written(const std::string& from) {
    std::ofstream(folder_.file("saved"), std::ios::binary) << from;
    return write_saved_domain(folder_.file("saved"), "<domain><name>b</name></domain>",
                              folder_.file("to"));
  }
  TemporaryFolder folder_;
};

TEST_F(SavedDomain, HasAnotherDefinitionAndTheSameStream) {
  const auto done = written(saved("LibvirtQemudSave", 2, 0));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(read(folder_.file("to")), "LibvirtQemudSave" + word(2) + word(32) + word(1) + word(0) +
                                          word(0) + std::string(56, '\0') +
                                          std::string("<domain><name>b</name></domain>\0", 32) +
                                          "QEVM stream");
}

TEST_F(SavedDomain, OfAnotherFormIsRefused) {
  for (const std::string& from : {saved("LibvirtQemudPart", 2, 0), saved("LibvirtQemudSave", 3, 0),
                                  saved("LibvirtQemudSave", 2, 1),
                                  saved("LibvirtQemudSave", 2, 0).substr(0, 90), std::string()}) {
    const auto done = written(from);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kCorrupt);
  }
  EXPECT_FALSE(write_saved_domain(folder_.file("none"), "", folder_.file("to")));
}

TEST_F(SavedDomain, ThatCannotBeWrittenIsSaid) {
  std::ofstream(folder_.file("saved"), std::ios::binary) << saved("LibvirtQemudSave", 2, 0);
  const auto done = write_saved_domain(folder_.file("saved"), "<domain/>", "/dev/full");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kEnvironment);
}

}  // namespace
}  // namespace godwit::libvirt_lab
