# The few functions by which every folder declares its library, programs and tests.

find_package(Threads REQUIRED)

# Warnings and hardening for our own targets only; users of the installed libraries do not inherit them.
add_library(kedge_options INTERFACE)
target_compile_options(kedge_options INTERFACE
  -Wall -Wextra -Wconversion -Wno-sign-conversion -Wshadow -Wvla
  -Wno-missing-field-initializers  # designated initialisers leave defaults on purpose
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>  # false positives of GCC 12 on std::variant
  $<$<BOOL:${KEDGE_WARNINGS_AS_ERRORS}>:-Werror>
  -fstack-protector-strong -fstack-clash-protection)
if(KEDGE_SANITIZE)
  target_compile_options(kedge_options INTERFACE -fsanitize=${KEDGE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(kedge_options INTERFACE -fsanitize=${KEDGE_SANITIZE})
  # GCC 12 reports false positives in libstdc++ under sanitizers.
  target_compile_options(kedge_options INTERFACE -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds)
else()
  target_compile_options(kedge_options INTERFACE -U_FORTIFY_SOURCE $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
  target_compile_definitions(kedge_options INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(kedge_options INTERFACE LINKER:-z,relro,-z,now)
endif()
if(KEDGE_FUZZ)
  # Coverage of the libraries too: a fuzzer that sees only its own file is blind.
  target_compile_options(kedge_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
target_compile_definitions(kedge_options INTERFACE KEDGE_VERSION="${PROJECT_VERSION}")

# Folders on the path from a request to a model's result: no exceptions, no RTTI (but for the sanitizers, which look at it).
add_library(kedge_no_exceptions INTERFACE)
target_compile_options(kedge_no_exceptions INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>)
if(NOT KEDGE_SANITIZE)
  target_compile_options(kedge_no_exceptions INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>)
endif()

# kedge_library(base SOURCES a.cc HEADERS a.h DEPS kedge::x PRIVATE_DEPS lib)
# Makes the static library kedge_<name> with alias kedge::<name>.
function(kedge_library name)
  cmake_parse_arguments(ARG "NO_EXCEPTIONS" "" "SOURCES;HEADERS;DEPS;PRIVATE_DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(kedge_${name} STATIC ${ARG_SOURCES})
    target_link_libraries(kedge_${name} PUBLIC ${ARG_DEPS} PRIVATE kedge_options ${ARG_PRIVATE_DEPS} Threads::Threads)
    target_include_directories(kedge_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/api)
    if(ARG_NO_EXCEPTIONS)
      target_link_libraries(kedge_${name} PRIVATE kedge_no_exceptions)
    endif()
    target_sources(kedge_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${ARG_HEADERS})
  else()
    add_library(kedge_${name} INTERFACE)
    target_link_libraries(kedge_${name} INTERFACE ${ARG_DEPS})
    target_include_directories(kedge_${name} INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/api)
    target_sources(kedge_${name} INTERFACE FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${ARG_HEADERS})
  endif()
  add_library(kedge::${name} ALIAS kedge_${name})
endfunction()

# kedge_program(kedge-agent SOURCES main.cc DEPS kedge::agent): an executable in build/<preset>/bin. Target kedge_programs
# builds them all.
add_custom_target(kedge_programs)
function(kedge_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE kedge_options ${ARG_DEPS} Threads::Threads)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  add_dependencies(kedge_programs ${name})
endfunction()

# kedge_test(json_test SOURCES json_test.cc DEPS kedge::base [LABEL unit] [TIMEOUT seconds] [NOT_SANITISED])
# A GoogleTest program registered with ctest as one test; the label is its kind. Unit and golden tests are also labelled
# `sanitised`, which scripts/test runs under ASan and UBSan, unless NOT_SANITISED is given (with the reason beside it).
# ON_POSTGRES_TOO: what uses TestServer runs a second time, as <name>_on_postgres, with PostgreSQL in the place of SQLite.
add_custom_target(kedge_sanitised_tests)
function(kedge_test name)
  cmake_parse_arguments(ARG "NOT_SANITISED;ON_POSTGRES_TOO" "LABEL;TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT BUILD_TESTING)
    return()
  endif()
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  find_package(GTest REQUIRED)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE kedge_options ${ARG_DEPS} GTest::gmock GTest::gtest_main Threads::Threads)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/test)
  add_test(NAME ${name} COMMAND ${name})
  set(labels ${ARG_LABEL})
  if(ARG_LABEL MATCHES "^(unit|golden)$" AND NOT ARG_NOT_SANITISED)
    list(APPEND labels sanitised)
    add_dependencies(kedge_sanitised_tests ${name})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "KEDGE_SOURCE_DIR=${PROJECT_SOURCE_DIR};KEDGE_BIN_DIR=${PROJECT_BINARY_DIR}/bin")
  if(ARG_ON_POSTGRES_TOO)
    add_test(NAME ${name}_on_postgres COMMAND ${name})
    set_tests_properties(${name}_on_postgres PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT} ENVIRONMENT
      "KEDGE_SOURCE_DIR=${PROJECT_SOURCE_DIR};KEDGE_BIN_DIR=${PROJECT_BINARY_DIR}/bin;KEDGE_TEST_DATABASE=postgresql")
  endif()
endfunction()

# kedge_fuzz(package_fuzz SOURCES package_fuzz.cc DEPS kedge::package)
# The corpus beside it replays as an ordinary test with any compiler; libFuzzer itself needs preset `fuzz`.
function(kedge_fuzz name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  if(NOT BUILD_TESTING)
    return()
  endif()
  if(KEDGE_FUZZ)
    add_executable(${name} ${ARG_SOURCES})
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${name} ${ARG_SOURCES} ${PROJECT_SOURCE_DIR}/fuzz/replay_main.cc)
    add_test(NAME ${name} COMMAND ${name} ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name})
    set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 300)
  endif()
  target_link_libraries(${name} PRIVATE kedge_options ${ARG_DEPS} Threads::Threads)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/test)
endfunction()

# kedge_embed(kedge_kernels_text OUTPUT header_text.cc NAMESPACE kedge::x SYMBOL kFiles FILES a.h b.h BASE dir)
# Compiles files into the binary as an array of {name, text}; see tools/embed.py.
function(kedge_embed)
  cmake_parse_arguments(ARG "" "OUTPUT;NAMESPACE;SYMBOL;BASE" "FILES" ${ARGN})
  add_custom_command(OUTPUT ${ARG_OUTPUT}
    COMMAND /usr/bin/python3 ${PROJECT_SOURCE_DIR}/tools/embed.py --output ${ARG_OUTPUT} --namespace ${ARG_NAMESPACE}
            --symbol ${ARG_SYMBOL} --base ${ARG_BASE} ${ARG_FILES}
    DEPENDS ${ARG_FILES} ${PROJECT_SOURCE_DIR}/tools/embed.py VERBATIM)
endfunction()
