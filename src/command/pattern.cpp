#include "pattern.h"

#include <fmt/format.h>
#include <regex.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace godwit::command {
namespace {

constexpr std::size_t kLongest = 400;
/// glibc copies what a + repeats, so that each one around another doubles the memory it takes.
constexpr std::ptrdiff_t kMostPluses = 10;

class Compiled {
 public:
  explicit Compiled(const std::string& pattern)
      : failed_(regcomp(&regex_, pattern.c_str(), REG_EXTENDED | REG_NEWLINE | REG_NOSUB)) {}
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;
  ~Compiled() {
    if (failed_ == 0) regfree(&regex_);
  }
  [[nodiscard]] std::string error() const {
    if (failed_ == 0) return {};
    std::array<char, 200> text{};
    regerror(failed_, &regex_, text.data(), text.size());
    return text.data();
  }
  [[nodiscard]] bool found_in(const std::string& text) const {
    return failed_ == 0 && regexec(&regex_, text.c_str(), 0, nullptr, 0) == 0;
  }

 private:
  regex_t regex_{};
  int failed_;
};

Result<void> refuse(const std::string& why) {
  return fail(ErrorCode::kBadInput, why,
              "write a POSIX extended regular expression, such as ^running$");
}

/// A brace that is a repetition's, or a backslash with a digit.
bool may_take_for_ever(const std::string& pattern) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '{') return true;
    if (pattern[i] != '\\') continue;
    ++i;
    if (i < pattern.size() && pattern[i] >= '0' && pattern[i] <= '9') return true;
  }
  return false;
}

}  // namespace

Result<void> check_pattern(const std::string& pattern) {
  if (pattern.empty()) return refuse("an empty expression, which everything would match");
  if (pattern.size() > kLongest) {
    return refuse(fmt::format("an expression longer than {} characters", kLongest));
  }
  if (pattern.find('\0') != std::string::npos) return refuse("an expression with a NUL in it");
  if (may_take_for_ever(pattern)) return refuse("an expression with a count or a reference back");
  if (std::count(pattern.begin(), pattern.end(), '+') > kMostPluses) {
    return refuse(fmt::format("an expression with more than {} +", kMostPluses));
  }
  const Compiled compiled(pattern);
  const std::string error = compiled.error();
  return error.empty() ? Result<void>{} : refuse("no regular expression: " + error);
}

bool found_in(const std::string& pattern, std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (const char c : text) {
    if (c != '\r') plain += c == '\0' ? ' ' : c;
  }
  plain.erase(plain.find_last_not_of('\n') + 1);
  return Compiled(pattern).found_in(plain);
}

}  // namespace godwit::command
