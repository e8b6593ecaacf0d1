#include "examples/cli/program.h"

int main(int argc, char** argv) { return octet::cli::run({argv + 1, argv + argc}); }
