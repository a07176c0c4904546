#pragma once

namespace godwit {

/// Whether this test runs with a sanitizer, ten times slower or more: sweeps then take fewer steps.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

/// Step of a sweep that does something at each call. The optimised tests go through all of them.
inline constexpr int kEachCall = kSanitized ? 15 : 1;

}  // namespace godwit
