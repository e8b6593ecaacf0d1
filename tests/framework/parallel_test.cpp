#include "framework/parallel.h"

#include <doctest/doctest.h>

#include "framework/random.h"

using namespace octet;

TEST_CASE("parallel: every item once, sums independent of the number of threads") {
  const int before = threads();
  double first = 0;
  for (const int count : {1, 2, 3, 7}) {
    set_threads(count);
    CHECK(threads() == count);
    std::vector<int> visits(1000);
    parallel_for(1000, 10, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
    });
    CHECK(std::count(visits.begin(), visits.end(), 1) == 1000);
    const double sum = parallel_sum(100000, 777, [](std::int64_t begin, std::int64_t end) {
      double part = 0;
      for (std::int64_t i = begin; i < end; ++i)
        part += static_cast<double>(uniform(3, static_cast<std::uint32_t>(i))) - 0.3;
      return part;
    });
    if (count == 1) first = sum;
    CHECK(sum == first);
  }
  set_threads(before);
  CHECK(available_processors() >= 1);
}
