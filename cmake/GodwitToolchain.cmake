# Language level, warnings and sanitizers for everything that Godwit builds.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(GODWIT_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize= (address,undefined or thread)")
option(GODWIT_LIBFUZZER "Build fuzz targets with libFuzzer (clang) instead of the replay driver" OFF)

find_program(GODWIT_CCACHE ccache)
if(GODWIT_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${GODWIT_CCACHE})
endif()

find_package(Threads REQUIRED)
add_library(godwit_options INTERFACE)
target_link_libraries(godwit_options INTERFACE Threads::Threads)
target_compile_options(godwit_options INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wundef -Wextra-semi)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these inside the standard library's inlined code at -O2 (GCC bugs 105329, 105562): the last
  # three where an Error whose message is a long literal is moved.
  target_compile_options(godwit_options INTERFACE -Wno-restrict -Wno-maybe-uninitialized
    -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()
add_library(godwit_light_options INTERFACE)
target_compile_options(godwit_light_options INTERFACE $<$<CONFIG:RelWithDebInfo>:-O1>)
# What tests are compiled with, beside those.
add_library(godwit_test_options INTERFACE)
# conversion warnings stay on in the product; in tests GoogleTest's and RapidCheck's macros trip them
target_compile_options(godwit_test_options INTERFACE -Wno-sign-conversion -Wno-conversion -Wno-shadow)
# the code under test is optimised, its tests need not be: half of the time to compile them
target_compile_options(godwit_test_options INTERFACE -O0)
# For all targets, the guest's load program too: a program is instrumented as a whole or not at all.
if(GODWIT_SANITIZE)
  add_compile_options(-fsanitize=${GODWIT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  if(GODWIT_SANITIZE MATCHES "undefined" AND NOT GODWIT_LIBFUZZER)
    # a quarter of the time to compile: a check at each member that is used. asan stops at null pointers anyway; what
    # comes from wires and files, where alignment is in question, is fuzzed with both.
    add_compile_options(-fno-sanitize=null,alignment)
  endif()
  add_link_options(-fsanitize=${GODWIT_SANITIZE})
  find_program(GODWIT_LLD ld.lld)
  if(GODWIT_LLD AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_link_options(-fuse-ld=lld)  # in a fifth of the time
  endif()
endif()
if(GODWIT_LIBFUZZER)
  add_compile_options(-fsanitize=fuzzer-no-link)  # coverage feedback from the libraries
endif()
