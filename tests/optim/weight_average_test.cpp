#include "optim/weight_average.h"

#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("weight average: the mean of the moments taken in, and it goes on from its state") {
  Parameter weight, bias;
  weight.name = "fc1.weight";
  bias.name = "fc1.bias";
  weight.value = Tensor({3});
  bias.value = Tensor({1});
  WeightAverage average({&weight, &bias});
  WeightAverage late({&weight, &bias});
  const float moments[][4] = {{1, 2, 3, 4}, {2, 4, 6, 8}, {6, 6, -3, 0}};
  for (const auto& moment : moments) {
    std::copy(moment, moment + 3, weight.value.floats());
    bias.value.floats()[0] = moment[3];
    average.add();
    if (average.count() == 2) {
      const auto from = average.state(), to = late.state();
      REQUIRE(from.size() == 3);
      for (std::size_t i = 0; i < from.size(); ++i) {
        CHECK(from[i].first == to[i].first);
        *to[i].second = *from[i].second;
      }
    } else if (average.count() == 3) {
      late.add();
    }
  }
  for (const WeightAverage* each : {&average, &late}) {
    CHECK(each->count() == 3);
    Model model;
    each->store(model);
    const float means[] = {3, 4, 2};
    for (int i = 0; i < 3; ++i)
      CHECK(model.tensors.at("fc1.weight").floats()[i] == doctest::Approx(means[i]));
    CHECK(model.tensors.at("fc1.bias").floats()[0] == doctest::Approx(4.0));
  }
}
