# godwit_module(NAME [USES module...] [LIBS target...] [PRIVATE_LIBS target...])
#
# One call makes a module of src/<NAME>/: a static library godwit_<NAME> from *.cpp, with the one
# include root include/; one test program from tests/*_test.cpp; one fuzz target for each
# fuzz/*_fuzz.cpp; one benchmark for each bench/*_bench.cpp. Files are found on disk, so a test that
# exists is a test that runs.
# USES must match both layers.toml and the actual #includes: tools/check_layers compares the three.
find_package(GTest REQUIRED)
find_package(Threads REQUIRED)
include(GoogleTest)

function(godwit_test TARGET)
  add_executable(${TARGET} ${ARGN})
  target_link_libraries(${TARGET} PRIVATE godwit_options GTest::gmock GTest::gtest_main rapidcheck)
  # conversion warnings stay on in the product; in tests GoogleTest's and RapidCheck's macros trip them
  target_compile_options(${TARGET} PRIVATE -Wno-sign-conversion -Wno-conversion -Wno-shadow)
  # the code under test is optimised, its tests need not be: half of the time to compile them
  target_compile_options(${TARGET} PRIVATE -O0)
  gtest_discover_tests(${TARGET} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 120)
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
    set_tests_properties(fuzz.${MODULE}.${name} PROPERTIES TIMEOUT 120)
  endif()
  target_link_libraries(${target} PRIVATE godwit_options godwit_${MODULE})
endfunction()

# Google Benchmark; not a test: `./dev bench` builds and runs them.
function(godwit_bench MODULE FILE)
  find_package(benchmark REQUIRED)
  get_filename_component(name ${FILE} NAME_WE)
  set(target godwit_${MODULE}_${name})
  add_executable(${target} ${FILE})
  target_link_libraries(${target} PRIVATE godwit_options godwit_${MODULE} benchmark::benchmark_main)
endfunction()

function(godwit_module NAME)
  cmake_parse_arguments(ARG "" "" "USES;LIBS;PRIVATE_LIBS" ${ARGN})
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

  if(NOT BUILD_TESTING)
    return()
  endif()
  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/tests/*.cpp)
  if(tests)
    godwit_test(${target}_tests ${tests})
    target_link_libraries(${target}_tests PRIVATE ${target})
    target_include_directories(${target}_tests PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/tests)
    target_compile_definitions(${target}_tests PRIVATE
      GODWIT_TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}/tests/data")
  endif()
  file(GLOB fuzzers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/*_fuzz.cpp)
  foreach(fuzzer IN LISTS fuzzers)
    godwit_fuzz(${NAME} ${fuzzer})
  endforeach()
  file(GLOB benches CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/bench/*_bench.cpp)
  foreach(bench IN LISTS benches)
    godwit_bench(${NAME} ${bench})
  endforeach()
endfunction()
