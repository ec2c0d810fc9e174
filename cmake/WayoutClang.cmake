# clang reads all of src/ and apps/, and every header compiles alone: the test `tools.clang`.
#
# Each file is only read (-fsyntax-only), with warnings as errors. A header that is the first include of
# the .cpp beside it has been compiled alone with that; of the others a unit is made that includes it and
# nothing else. The target `clang_check` is made by the test, not by the build, and only of what changed.
function(wayout_check_with_clang)
  find_program(CLANGXX NAMES clang++ clang++-14)
  if(NOT CLANGXX)
    message(WARNING "no clang++: the test tools.clang will fail")
    set(CLANGXX clang++)
  endif()

  # The libraries are Debian's, whose headers every compiler finds.
  set(flags -std=c++2b -fsyntax-only -Wall -Wextra -Wno-missing-field-initializers -Werror
    -DWAYOUT_VERSION="" -I${PROJECT_SOURCE_DIR}/src -I${PROJECT_SOURCE_DIR}/include
    -I${PROJECT_SOURCE_DIR}/apps)

  set(stamps)
  foreach(root include src apps)
    set(directory ${PROJECT_SOURCE_DIR}/${root})
    file(GLOB_RECURSE files RELATIVE ${directory} CONFIGURE_DEPENDS ${directory}/*.?pp)
    list(FILTER files EXCLUDE REGEX "_test\\.cpp$")
    foreach(file ${files})
      set(unit ${directory}/${file})
      if(file MATCHES "\\.hpp$")
        string(REGEX REPLACE "hpp$" "cpp" own ${unit})
        if(EXISTS ${own})
          file(STRINGS ${own} first REGEX "^#include" LIMIT_COUNT 1)
          if(first STREQUAL "#include \"${file}\"")
            continue()
          endif()
        endif()
        set(unit ${PROJECT_BINARY_DIR}/clang_check/${root}/${file}.cpp)
        file(CONFIGURE OUTPUT ${unit} CONTENT "#include \"${file}\"\n")
      endif()
      set(stamp ${PROJECT_BINARY_DIR}/clang_check/${root}/${file}.read)
      cmake_path(GET stamp PARENT_PATH folder)
      file(MAKE_DIRECTORY ${folder})
      add_custom_command(OUTPUT ${stamp}
        COMMAND ${CLANGXX} ${flags} -MD -MF ${stamp}.d -MT ${stamp} ${unit}
        COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
        DEPENDS ${unit} DEPFILE ${stamp}.d
        COMMENT "clang reads ${root}/${file}" VERBATIM)
      list(APPEND stamps ${stamp})
    endforeach()
  endforeach()

  add_custom_target(clang_check DEPENDS ${stamps})
  add_test(NAME tools.clang COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target clang_check)
  set_tests_properties(tools.clang PROPERTIES LABELS unit PROCESSORS 2 TIMEOUT 1800)
endfunction()
