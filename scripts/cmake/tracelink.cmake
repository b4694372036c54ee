if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|i.86)$")
  set(TRACELINK_X86 ON)
endif()

add_library(tracelink_flags INTERFACE)
target_compile_features(tracelink_flags INTERFACE cxx_std_20)
target_compile_options(tracelink_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  # GCC 12 finds both in its own std::string when it optimises (GCC bugs 105651 and 105562).
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Release>>:-Wno-restrict;-Wno-maybe-uninitialized>
  $<$<BOOL:${TRACELINK_WARNINGS_AS_ERRORS}>:-Werror>)

# What users run is hardened as Debian's own packages are, and checks the library's preconditions:
# it reads what peers send.
target_compile_options(tracelink_flags INTERFACE
  "$<$<CONFIG:Release>:-D_GLIBCXX_ASSERTIONS;-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3;-fPIE>"
  "$<$<CONFIG:Release>:-fstack-protector-strong;-fstack-clash-protection>"
  "$<$<AND:$<CONFIG:Release>,$<BOOL:${TRACELINK_X86}>>:-fcf-protection>")
target_link_options(tracelink_flags INTERFACE "$<$<CONFIG:Release>:-pie;LINKER:-z,relro;LINKER:-z,now>")

# tracelink_library(NAME name SOURCES … DEPS …): one static library per folder, alias tracelink::name.
# Includes are written from the repository root: #include "daemon/base/result.hpp".
function(tracelink_library)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS" ${ARGN})
  set(target tracelink_${ARG_NAME})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(tracelink::${ARG_NAME} ALIAS ${target})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${target} PUBLIC ${ARG_DEPS} PRIVATE tracelink_flags)
  target_compile_features(${target} PUBLIC cxx_std_20)
endfunction()

# tracelink_test(NAME name SOURCES … DEPS … [SECONDS n]): one GoogleTest binary, and one test of ctest: a process for
# each of thousands of cases would take ten times as long. SECONDS lets ctest begin with those that take longest.
function(tracelink_test)
  cmake_parse_arguments(ARG "" "NAME;SECONDS" "SOURCES;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS} tracelink_flags GTest::gtest_main)
  target_include_directories(${ARG_NAME} PRIVATE ${PROJECT_SOURCE_DIR})
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} --gtest_brief=1)
  if(ARG_SECONDS)
    set_tests_properties(${ARG_NAME} PROPERTIES COST ${ARG_SECONDS})
  endif()
endfunction()
