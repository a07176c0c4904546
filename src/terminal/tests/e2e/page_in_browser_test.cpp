#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "godwit/terminal/migration_page.h"

namespace godwit::terminal {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"),
                                                             &::pclose);
  std::string text;
  std::array<char, 4096> block{};
  while (const auto got = std::fread(block.data(), 1, block.size(), pipe.get())) {
    text.append(block.data(), got);
  }
  return text;
}

/// The first that is there; with its newline taken off.
std::string browser() {
  std::string found =
      output_of("command -v \"${CHROMIUM:-chromium}\" chromium-browser google-chrome | head -n 1");
  if (!found.empty()) found.pop_back();
  return found;
}

class Folder {
 public:
  Folder() {
    std::string name = testing::TempDir() + "godwit-page-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

OutcomeRecord record() {
  OutcomeRecord record;
  record.id = 7;
  record.source = "qmp:/run/<script>alert(1)</script>";
  record.destination = "lab:b";
  record.profile = GuestProfile{};
  record.profile->dirty_curve = {{Seconds(1), Bytes(8 << 20), Bytes(7 << 20), Bytes(9 << 20)}};
  record.outcome.technique = Technique::kPrecopy;
  record.outcome.total_time = Seconds(5);
  record.outcome.rounds = {{1, Seconds(0), Seconds(4), Bytes(100 << 20), Bytes(1 << 20)}};
  TechniquePrediction predicted;
  predicted.technique = Technique::kPrecopy;
  predicted.total_time = Interval<Seconds>{Seconds(5), Seconds(4), Seconds(6)};
  record.predicted = Prediction{{predicted}, {}};
  return record;
}

TEST(PageInABrowser, IsShownWithItsPicturesAndComplainsOfNothing) {
  const std::string chromium = browser();
  if (chromium.empty()) GTEST_SKIP() << "there is no chromium";
  const Folder folder;
  const fs::path page = folder.path() / "page.html";
  std::ofstream(page) << page_html(record());
  const fs::path log = folder.path() / "log";
  const std::string shown =
      output_of("'" + chromium + "' --headless --no-sandbox --disable-dev-shm-usage --disable-gpu" +
                " --user-data-dir='" + (folder.path() / "profile").native() +
                "' --enable-logging=stderr --dump-dom 'file://" + page.native() + "' 2>'" +
                log.native() + "'");
  // as the browser understood it, and not as it was written
  EXPECT_THAT(shown, HasSubstr("<h1>migration 7: qmp:/run/&lt;script&gt;alert(1)"));
  EXPECT_THAT(shown, HasSubstr("<section>"));
  std::size_t pictures = 0;
  for (auto at = shown.find("<svg"); at != std::string::npos; at = shown.find("<svg", at + 1)) {
    ++pictures;
  }
  EXPECT_EQ(pictures, 3u);
  EXPECT_THAT(shown, HasSubstr("<tbody><tr><th>")) << "tables are tables";
  std::ifstream said(log);
  const std::string complaints{std::istreambuf_iterator<char>(said), {}};
  EXPECT_THAT(complaints, Not(HasSubstr("CONSOLE"))) << complaints;
}

}  // namespace
}  // namespace godwit::terminal
