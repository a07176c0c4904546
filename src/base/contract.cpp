#include "godwit/base/contract.h"

#include <cstdio>
#include <cstdlib>

namespace godwit {

void contract_failure(const char* what) noexcept {
  std::fprintf(stderr, "godwit: internal error: %s\n", what);
  std::abort();
}

}  // namespace godwit
