// What IntegerNetwork::run promises about memory. The program's operator new is replaced by one
// that counts; sanitizers have their own.
#if !defined(__SANITIZE_ADDRESS__)

#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "framework/code_paths.h"
#include "framework/direct_convolution.h"
#include "framework/parallel.h"
#include "layers/build.h"
#include "layers/lower.h"
#include "tests/support.h"

namespace {
std::atomic<long> allocations{0};
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

using namespace octet;
using namespace octet::test;

namespace {

// Convolutions of `few` and `many` channels.
void check_allocations(const std::string& few, const std::string& many) {
  Network network = build_network(parse_definition(
      "network name=n input=16x16x3\nconvolution channels=" + few +
          " kernel=3 padding=1\nrelu\nresidual\nconvolution channels=" + few +
          " kernel=3 padding=1\nend\nrelu\nmax_pool window=2\nconvolution channels=" + many +
          " kernel=3 padding=1\nrelu\nglobal_average_pool\nlinear units=10\n",
      "test"));
  const std::string recipe = "integer-arithmetic-only";
  set_precision(network, parse_precision(recipe));
  network.initialize(1);
  network.forward(random_tensor({4, 16, 16, 3}, 1), {.training = true});
  IntegerNetwork integer = lower(network, recipe);
  const int before = threads();
  set_threads(2);
  for (const std::int64_t images : {1, 12}) {
    Tensor codes;
    integer.encode(random_tensor({images, 16, 16, 3}, 2), codes);
    const void* const first = integer.run(codes).raw();
    // Which thread takes which block is chance: each has to have met the largest.
    for (int i = 0; i < 50; ++i) integer.run(codes);
    // Checks allocate too.
    const long counted = allocations;
    const void* const again = integer.run(codes).raw();
    const long more = allocations - counted;
    CHECK(more == 0);
    CHECK(again == first);
  }
  set_threads(before);
}

}  // namespace

TEST_CASE("integer network: nothing is allocated from the second call on") {
  if (!products::paths().direct) return;
  check_allocations("16", "64");
  // oneDNN's products allocate: with AMX it computes these.
  if (direct_convolution::pays({1, 16, 16, 64}, {3, 3})) check_allocations("64", "256");
}

#endif
