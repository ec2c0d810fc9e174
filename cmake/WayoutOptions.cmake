# How every target of this project is compiled: warnings, sanitizers, ccache.

# Designated initializers name what differs from the default, on purpose.
add_compile_options(-Wall -Wextra -Wno-missing-field-initializers)

if(WAYOUT_SANITIZE)
  add_compile_options(-fsanitize=${WAYOUT_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${WAYOUT_SANITIZE})
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
