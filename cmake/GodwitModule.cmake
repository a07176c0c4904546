# godwit_module(NAME [LIGHT] [USES module...] [LIBS target...] [PRIVATE_LIBS target...])
#
# One call makes a module of src/<NAME>/: a static library godwit_<NAME> from *.cpp, with the one
# include root include/; a test program from tests/*.cpp, others from tests/e2e/*.cpp and from
# tests/optimised/*.cpp; one fuzz target for each fuzz/*_fuzz.cpp; one benchmark for each bench/*_bench.cpp. Files are found on disk,
# so a test that exists is a test that runs. LIGHT: its time goes into waiting for QEMU, sockets and people, so
# that it is compiled with -O1, which takes the compiler a third less than -O2.
# USES must match both layers.toml and the actual #includes: tools/check_layers compares the three.
find_package(GTest REQUIRED)
include(GoogleTest)

# Where the tests that boot a guest find its image; `./dev build` makes it.
set(GODWIT_GUEST_IMAGE ${PROJECT_SOURCE_DIR}/build/guest-image CACHE PATH "Folder of the guest's image")

# All tests but those after it, which `./dev test quick` builds.
add_custom_target(unit_tests)
add_custom_target(end_to_end_tests)
add_custom_target(optimised_tests)

# In so many runs of the program, each of a part of its tests, one after the other: a sanitized program takes as
# long to start as most of its tests do.
function(godwit_tests_together TARGET RUNS)
  math(EXPR last "${RUNS} - 1")
  foreach(part RANGE ${last})
    add_test(NAME ${TARGET}.${part} COMMAND ${TARGET} --gtest_brief=1)
    set_tests_properties(${TARGET}.${part} PROPERTIES TIMEOUT 1800
      ENVIRONMENT "GTEST_TOTAL_SHARDS=${RUNS};GTEST_SHARD_INDEX=${part};GTEST_OUTPUT=xml:${PROJECT_BINARY_DIR}/results/${TARGET}.${part}.xml")
  endforeach()
endfunction()

# godwit_test(TARGET [E2E | OPTIMISED] source...): E2E is for tests on real guests, networks and whole programs;
# OPTIMISED for those that take minutes with sanitizers and whose calls have other tests: thousands of migrations in
# the twin or page by page, statistics over many guests, models that are learnt. Both are programs of their own, and
# no part of sanitized builds. A TIMEOUT ends what hangs: it is many times what a test takes, since no test may
# depend on how busy the machine is.
function(godwit_test TARGET)
  cmake_parse_arguments(ARG "E2E;OPTIMISED" "" "" ${ARGN})
  add_executable(${TARGET} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${TARGET} PRIVATE
    godwit_options godwit_test_options godwit_source_tree GTest::gmock GTest::gtest_main rapidcheck)
  godwit_precompile(${TARGET} tests)
  if(NOT ARG_E2E AND NOT ARG_OPTIMISED)
    add_dependencies(unit_tests ${TARGET})
    if(GODWIT_SANITIZE)
      godwit_tests_together(${TARGET} 2)
    else()
      gtest_discover_tests(${TARGET} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 600)
    endif()
    return()
  endif()
  if(GODWIT_SANITIZE)
    set_target_properties(${TARGET} PROPERTIES EXCLUDE_FROM_ALL ON)
    return()
  endif()
  if(ARG_OPTIMISED)
    add_dependencies(optimised_tests ${TARGET})
    godwit_tests_together(${TARGET} 1)
    return()
  endif()
  add_dependencies(end_to_end_tests ${TARGET})
  # gtest_discover_tests runs them by it, each test on its own
  set_target_properties(${TARGET} PROPERTIES
    CROSSCOMPILING_EMULATOR ${PROJECT_SOURCE_DIR}/tests/e2e/own-machine)
  gtest_discover_tests(${TARGET} DISCOVERY_MODE PRE_TEST
    PROPERTIES TIMEOUT 600 LABELS e2e ENVIRONMENT GODWIT_GUEST_DIR=${GODWIT_GUEST_IMAGE})
endfunction()

function(godwit_fuzz MODULE FILE)
  get_filename_component(name ${FILE} NAME_WE)
  set(target godwit_${MODULE}_${name})
  if(GODWIT_LIBFUZZER)
    add_executable(${target} ${FILE})
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${target} ${FILE} ${PROJECT_SOURCE_DIR}/tools/fuzz_replay.cpp)
    add_test(NAME fuzz.${MODULE}.${name}
             COMMAND ${target} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name})
    set_tests_properties(fuzz.${MODULE}.${name} PROPERTIES TIMEOUT 600)
    add_dependencies(unit_tests ${target})
  endif()
  target_link_libraries(${target} PRIVATE godwit_options godwit_${MODULE})
endfunction()

# Google Benchmark; not a test: `./dev bench` builds and runs them.
add_custom_target(benchmarks)
function(godwit_bench MODULE FILE)
  find_package(benchmark REQUIRED)
  get_filename_component(name ${FILE} NAME_WE)
  set(target godwit_${MODULE}_${name})
  add_executable(${target} EXCLUDE_FROM_ALL ${FILE})
  add_dependencies(benchmarks ${target})
  target_link_libraries(${target} PRIVATE godwit_options godwit_${MODULE} benchmark::benchmark_main)
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
endfunction()

# The program of all tests in one folder, if there are any.
function(godwit_module_tests PROGRAM KIND FOLDER TESTED)
  file(GLOB tests CONFIGURE_DEPENDS ${FOLDER}/*.cpp)
  if(tests)
    godwit_test(${PROGRAM} ${KIND} ${tests})
    target_link_libraries(${PROGRAM} PRIVATE ${TESTED})
    target_include_directories(${PROGRAM} PRIVATE
      ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/tests)
  endif()
endfunction()

function(godwit_module NAME)
  cmake_parse_arguments(ARG "LIGHT" "" "USES;LIBS;PRIVATE_LIBS" ${ARGN})
  set(target godwit_${NAME})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/include/godwit/${NAME}/*.h)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  add_library(${target} STATIC ${sources})
  # a header set, so that CMake can prove each public header to be self-contained
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_CURRENT_SOURCE_DIR}/include
                 FILES ${headers})
  set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  list(TRANSFORM ARG_USES PREPEND godwit_ OUTPUT_VARIABLE uses)
  target_link_libraries(${target} PUBLIC ${uses} ${ARG_LIBS} PRIVATE godwit_options ${ARG_PRIVATE_LIBS})
  if(ARG_LIGHT)
    target_link_libraries(${target} PRIVATE godwit_light_options)
    godwit_precompile(${target} light_modules)
  else()
    godwit_precompile(${target} modules)
  endif()

  if(NOT BUILD_TESTING)
    return()
  endif()
  godwit_module_tests(${target}_tests "" ${CMAKE_CURRENT_SOURCE_DIR}/tests ${target})
  godwit_module_tests(${target}_e2e_tests E2E ${CMAKE_CURRENT_SOURCE_DIR}/tests/e2e ${target})
  godwit_module_tests(${target}_optimised_tests OPTIMISED ${CMAKE_CURRENT_SOURCE_DIR}/tests/optimised ${target})
  file(GLOB fuzzers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/*_fuzz.cpp)
  foreach(fuzzer IN LISTS fuzzers)
    godwit_fuzz(${NAME} ${fuzzer})
  endforeach()
  file(GLOB benches CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/bench/*_bench.cpp)
  foreach(bench IN LISTS benches)
    godwit_bench(${NAME} ${bench})
  endforeach()
endfunction()
