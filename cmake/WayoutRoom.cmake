include(GoogleTest)

# A room is one directory of src/: a static library `wayout_<room>` of its sources, and a program
# `<room>_test` of its *_test.cpp. It links the rooms it may include and nothing else, so a call
# up the ladder does not link; tools/check_rooms.py finds an include that runs up.
#
# All rooms together are the target `wayout_rooms`.
#
#   wayout_room(NAME <room> [DEPENDS <room>...] [LIBRARIES <target>...])
function(wayout_room)
  cmake_parse_arguments(PARSE_ARGV 0 room "" "NAME" "DEPENDS;LIBRARIES")
  set(target wayout_${room_NAME})
  set(directory ${CMAKE_CURRENT_SOURCE_DIR}/${room_NAME})

  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${directory}/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")

  if(sources)
    add_library(${target} STATIC ${sources})
    set(scope PUBLIC)
  else()  # headers only
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${target} ${scope}
    ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  list(TRANSFORM room_DEPENDS PREPEND wayout_ OUTPUT_VARIABLE lower_rooms)
  target_link_libraries(${target} ${scope} ${lower_rooms} ${room_LIBRARIES} fmt::fmt)
  target_link_libraries(wayout_rooms INTERFACE ${target})

  if(BUILD_TESTING AND tests)
    wayout_gtest(NAME ${room_NAME}_test LABEL unit SOURCES ${tests} LINK ${target}
      PREFIX ${room_NAME}.)
  endif()
endfunction()

# A GoogleTest program, each of whose tests is one of ctest's.
#
#   wayout_gtest(NAME <target> LABEL <unit|case|kernel|e2e|...> SOURCES <file>... LINK <target>...
#                [PREFIX <text before each test's name>] [TIMEOUT <seconds>])
#
# Tests that ask the live kernel hold one lock: they measure packets and drops, and disturb each
# other's timing on a small machine. The others run beside them; real engines (tests/e2e) have a lock
# of their own.
function(wayout_gtest)
  cmake_parse_arguments(PARSE_ARGV 0 test "" "NAME;LABEL;PREFIX;TIMEOUT" "SOURCES;LINK")
  if(NOT test_TIMEOUT)
    set(test_TIMEOUT 60)
  endif()
  set(properties LABELS ${test_LABEL} TIMEOUT ${test_TIMEOUT})
  if(test_LABEL MATCHES "^(kernel|e2e)$")
    list(APPEND properties RESOURCE_LOCK kernel)
  endif()

  add_executable(${test_NAME} ${test_SOURCES})
  target_link_libraries(${test_NAME} PRIVATE ${test_LINK} GTest::gmock_main)
  gtest_discover_tests(${test_NAME} DISCOVERY_MODE PRE_TEST TEST_PREFIX "${test_PREFIX}"
    PROPERTIES ${properties})
endfunction()

