#pragma once

#include <string>

#include "godwit/base/error.h"

namespace godwit::train {

/// A shared library that is loaded while the program runs, and stays loaded until it ends.
class SharedLibrary {
 public:
  /// `file`: a name that the dynamic linker looks for. kEnvironment where it finds none.
  static Result<SharedLibrary> load(const char* file);

  /// Lets `symbol` point to a function or variable of C's. kEnvironment: there is none of that
  /// name.
  template <class Symbol>
  Result<void> find(const char* name, Symbol*& symbol) const {
    GODWIT_TRY(void* const address, address_of(name));
    symbol = reinterpret_cast<Symbol*>(address);
    return {};
  }

 private:
  SharedLibrary(std::string file, void* handle) : file_(std::move(file)), handle_(handle) {}
  [[nodiscard]] Result<void*> address_of(const char* name) const;

  std::string file_;
  void* handle_;
};

/// The error of a training library that is not here, or that is another than Godwit was built for.
[[nodiscard]] Error library_error(std::string what);

}  // namespace godwit::train
