# version.inc names the commit; it is made anew at each build, and rewritten only when it differs.
find_package(Git QUIET)
add_custom_target(version_inc BYPRODUCTS ${PROJECT_BINARY_DIR}/version.inc
  COMMAND ${CMAKE_COMMAND} -DOUT=${PROJECT_BINARY_DIR}/version.inc -DSOURCE=${PROJECT_SOURCE_DIR}
    -DGIT=${GIT_EXECUTABLE} -DVERSION=${PROJECT_VERSION}
    -P ${PROJECT_SOURCE_DIR}/cmake/write_version.cmake)
