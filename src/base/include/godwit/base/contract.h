#pragma once

namespace godwit {

/// Ends the process with a message: a promise that the caller made was broken, which no input may
/// cause. Use it for programming errors only; bad input gets an `Error`.
[[noreturn]] void contract_failure(const char* what) noexcept;

}  // namespace godwit
