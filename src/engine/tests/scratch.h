#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>

namespace godwit::engine {

/// A folder of its own for each test, gone afterwards.
class Scratch : public testing::Test {
 protected:
  Scratch() {
    std::string pattern = testing::TempDir() + "/godwit-engine-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp " + pattern);
    folder_ = pattern;
  }
  ~Scratch() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  std::filesystem::path folder_;
};

}  // namespace godwit::engine
