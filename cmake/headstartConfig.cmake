# find_package(headstart): the library as headstart::headstart, with the libraries behind it.
list(PREPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})
include(${CMAKE_CURRENT_LIST_DIR}/HeadstartDependencies.cmake)
list(POP_FRONT CMAKE_MODULE_PATH)
include(${CMAKE_CURRENT_LIST_DIR}/headstartTargets.cmake)
