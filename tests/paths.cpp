#include "tests/paths.h"

namespace octet::test {

const char* const source_folder = OCTET_SOURCE_DIR;
const char* const octet_program = OCTET_PROGRAM;
const char* const papers_folder = OCTET_PAPERS;

}  // namespace octet::test
