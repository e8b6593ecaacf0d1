// Where the tree and its programs lie.
#pragma once

namespace octet::test {

extern const char* const source_folder;
extern const char* const octet_program;
extern const char* const papers_folder;  ///< the programs of examples/papers

}  // namespace octet::test
