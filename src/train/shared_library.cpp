#include "shared_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <utility>

namespace godwit::train {

Error library_error(std::string what) {
  return {
      ErrorCode::kEnvironment,
      fmt::format("a library that training needs cannot be used: {}", what),
      "install libsvm and XGBoost (Debian's packages libsvm3 and libxgboost0); predicting needs "
      "neither"};
}

Result<SharedLibrary> SharedLibrary::load(const char* file) {
  void* const handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return fail(library_error(dlerror()));
  return SharedLibrary(file, handle);
}

Result<void*> SharedLibrary::address_of(const char* name) const {
  void* const address = dlsym(handle_, name);
  if (address == nullptr) return fail(library_error(fmt::format("{} has no {}", file_, name)));
  return address;
}

}  // namespace godwit::train
