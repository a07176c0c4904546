#include "godwit/base/version.h"

namespace godwit {

std::string version() {
  return GODWIT_VERSION;
}

}  // namespace godwit
