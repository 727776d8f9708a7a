# One static library per directory of src/, made from its *.cc files; x_test.cc beside x.cc goes into
# that layer's test program. The DEPS of a layer repeat the layering rule of docs/ARCHITECTURE.md.

add_library(gw_flags INTERFACE)
target_include_directories(gw_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/generated)
target_compile_options(gw_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fno-omit-frame-pointer)
target_compile_definitions(gw_flags INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_DATE_TIME BOOST_ERROR_CODE_HEADER_ONLY
  $<$<CONFIG:Debug>:GW_DEBUG>)
target_link_libraries(gw_flags INTERFACE Threads::Threads)
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  # What is shipped is hardened; tests/deploy/test_hardening.py reads it from the binary, bench/RESULTS.md says what it costs.
  target_compile_options(gw_flags INTERFACE
    -fPIE -fstack-protector-strong -fcf-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
    -D_GLIBCXX_ASSERTIONS)
  target_link_options(gw_flags INTERFACE -pie -Wl,-z,relro,-z,now)
endif()
if(GW_SANITIZE)
  target_compile_options(gw_flags INTERFACE -fsanitize=${GW_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(gw_flags INTERFACE -fsanitize=${GW_SANITIZE})
  # Instrumented code looks uninitialized to g++ where it is not: in <regex>, for one.
  target_compile_options(gw_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  if(GW_SANITIZE MATCHES "undefined")
    # It looks at a vptr through a pipe, and reports sound objects where tests leave a process no descriptor;
    # objects that are gone are the address sanitizer's to find.
    target_compile_options(gw_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fno-sanitize=vptr>)
  endif()
  if(GW_SANITIZE STREQUAL "thread")
    # Asio has fences, which this sanitizer does not model; its mutexes order the same accesses.
    target_compile_options(gw_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  endif()
endif()
if(GW_FUZZ)
  target_compile_options(gw_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(GW_COVERAGE)
  target_compile_options(gw_flags INTERFACE --coverage)
  target_link_options(gw_flags INTERFACE --coverage)
endif()

# gw_layer(NAME DEPS other layers... LIBS third-party targets... WITHOUT regular expression of sources)
function(gw_layer name)
  cmake_parse_arguments(arg "" "WITHOUT" "DEPS;LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  if(arg_WITHOUT)
    list(FILTER sources EXCLUDE REGEX "${arg_WITHOUT}")
  endif()
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cc$")
  if(sources)
    add_library(gw_${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(gw_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(gw_${name} ${scope} gw_flags ${arg_LIBS})
  foreach(dep ${arg_DEPS})
    target_link_libraries(gw_${name} ${scope} gw_${dep})
  endforeach()
  if(tests AND NOT GW_FUZZ)
    add_executable(${name}_tests ${tests})
    target_link_libraries(${name}_tests PRIVATE gw_${name} GTest::gtest_main GTest::gmock)
    add_test(NAME ${name} COMMAND ${name}_tests --gtest_brief=1)
  endif()
endfunction()
