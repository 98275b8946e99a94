# Configures and builds the CUDA sub-project (cuda/) and always succeeds unless MODE is ON; cuda_status.txt says in one
# line how it went.
string(REPLACE "," ";" ARCHS "${ARCHS}")
file(MAKE_DIRECTORY ${BUILD}/out)

function(finish status)
  file(WRITE ${BUILD}/cuda_status.txt "${status}\n")
  message("napari-cellsim CUDA kernels: ${status}")
  if(MODE STREQUAL "ON" AND NOT status MATCHES "^compiled")
    message(FATAL_ERROR "CELLSIM_CUDA=ON, but the CUDA kernels were ${status}")
  endif()
endfunction()

set(make_program "")
if(GENERATOR MATCHES "Ninja")
  set(make_program "-DCMAKE_MAKE_PROGRAM=${MAKE_PROGRAM}")
endif()
execute_process(
  COMMAND ${CMAKE_COMMAND} -S ${PROJECT} -B ${BUILD}/build -G ${GENERATOR} ${make_program}
          -DCMAKE_BUILD_TYPE=Release -DCSRC=${CSRC} "-DARCHS=${ARCHS}" -DOUT=${BUILD}/out
  RESULT_VARIABLE failed OUTPUT_VARIABLE configured ERROR_VARIABLE errors)
if(failed)
  string(REGEX MATCH "CELLSIM: [^\n]*" why "${configured}${errors}")
  string(REPLACE "CELLSIM: " "" why "${why}")
  if(NOT why)
    string(REGEX MATCH "CMake Error[^\n]*\n[^\n]*" why "${errors}")
    string(REGEX REPLACE "[ \n]+" " " why "nvcc does not work here: ${why}")
  endif()
  finish("not compiled: ${why}")
  return()
endif()
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BUILD}/build --config Release
  RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE errors)
if(failed)
  file(REMOVE ${BUILD}/out/libcellsim_cuda.so ${BUILD}/out/libcellsim_cuda.dll)  # not a stale one
  string(REGEX MATCH "[^\n]*error[^\n]*" why "${output}${errors}")
  finish("not compiled: ${why}")
  return()
endif()
string(REGEX MATCH "CELLSIM: [^\n]*" how "${configured}")
string(REPLACE "CELLSIM: " "" how "${how}")
finish("compiled by ${how}")
