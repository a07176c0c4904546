#include "godwit/base/log.h"

#include <utility>

namespace godwit::log {
namespace {
Sink& sink() {
  static Sink instance;
  return instance;
}
}  // namespace

void set_sink(Sink new_sink) {
  sink() = std::move(new_sink);
}

void write(Level level, std::string_view message) {
  if (sink()) sink()(level, message);
}

}  // namespace godwit::log
