#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "temporary_folder.h"

namespace godwit::engine {

/// A folder of its own for each test, gone afterwards.
class Scratch : public testing::Test {
 protected:
  TemporaryFolder temporary_;
  const std::filesystem::path folder_ = temporary_.path();
};

}  // namespace godwit::engine
