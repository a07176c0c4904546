#pragma once

#include <fmt/format.h>

#include <functional>
#include <string_view>

namespace godwit::log {

/// `kDebug` is what `--verbose` shows. People's results never go through the log.
enum class Level { kDebug, kInfo, kWarning };

using Sink = std::function<void(Level, std::string_view)>;

/// Where messages go; nowhere until the program sets it, once, before it starts threads.
void set_sink(Sink sink);
void write(Level level, std::string_view message);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace godwit::log
