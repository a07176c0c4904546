# Precompiled headers of the standard library and of packages, each set shared by all targets of its kind:
# they take most of a compiler's time. What they declare is used by a module's files alike, so these are
# compiled together, eight at a time (a unity build), in a third of the time; sanitized, which nobody builds
# after each change, three times as many. The preset `clang`, with which
# `./dev lint` builds, does without either: there a file that does not include what it uses is found out.
if(GODWIT_SANITIZE)
  set(godwit_batch 24)
else()
  set(godwit_batch 8)
endif()
option(GODWIT_PRECOMPILE "Precompile packages' headers, and compile a module's files together" ON)

# godwit_precompile(TARGET KIND): modules, light_modules, or tests, with GoogleTest.
function(godwit_precompile TARGET KIND)
  if(GODWIT_PRECOMPILE)
    target_precompile_headers(${TARGET} REUSE_FROM godwit_precompiled_${KIND})
    set_target_properties(${TARGET} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${godwit_batch})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # GCC takes a class of an included .cpp for one of a header, whose parts nobody may name in secret
      target_compile_options(${TARGET} PRIVATE -Wno-subobject-linkage)
    endif()
  endif()
endfunction()

if(NOT GODWIT_PRECOMPILE)
  return()
endif()
# Without these (and CCACHE_SLOPPINESS, in ./dev) ccache finds nothing again.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
else()
  add_compile_options(-fpch-preprocess)
endif()
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(GTest REQUIRED)

# GCC wants the same macros and options here as in the targets that use the set: the LIBS bring them.
function(godwit_precompiled KIND)
  cmake_parse_arguments(ARG "" "" "LIBS;HEADERS" ${ARGN})
  file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/precompiled_${KIND}.cpp CONTENT "")
  add_library(godwit_precompiled_${KIND} OBJECT ${PROJECT_BINARY_DIR}/precompiled_${KIND}.cpp)
  target_link_libraries(godwit_precompiled_${KIND} PRIVATE
    godwit_options fmt::fmt nlohmann_json::nlohmann_json ${ARG_LIBS})
  target_precompile_headers(godwit_precompiled_${KIND} PRIVATE
    <chrono> <filesystem> <functional> <map> <memory> <optional> <span> <sstream> <stop_token> <string>
    <string_view> <thread> <variant> <vector>
    <fmt/format.h> <nlohmann/json.hpp> <tl/expected.hpp> ${ARG_HEADERS})
endfunction()

godwit_precompiled(modules)
godwit_precompiled(light_modules LIBS godwit_light_options)
if(BUILD_TESTING)
  godwit_precompiled(tests LIBS godwit_test_options GTest::gmock rapidcheck
    HEADERS <gmock/gmock.h> <gtest/gtest.h> <rapidcheck/gtest.h>)
endif()
