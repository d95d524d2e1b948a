# SPDX-License-Identifier: MIT
#
# cmake -Dprogram=<file> -Dexpected=<file> -P run_example.cmake: runs an example and compares what it prints.

execute_process(COMMAND ${program} OUTPUT_VARIABLE printed RESULT_VARIABLE status)
message("${printed}")
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${program} ended with ${status}")
endif()
if(EXISTS ${expected})
  file(READ ${expected} wanted)
  if(NOT printed STREQUAL wanted)
    message(FATAL_ERROR "expected (${expected}):\n${wanted}")
  endif()
endif()
