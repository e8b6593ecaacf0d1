#include "quant/compression/sensitivity.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/quant/compression/helpers.h"

namespace octet {
namespace {
using namespace compression_test;

using Curve = std::vector<KeptLoss>;

void check_curve(const Curve& curve, const Curve& expected) {
  REQUIRE(curve.size() == expected.size());
  for (std::size_t i = 0; i < curve.size(); ++i) {
    CHECK(curve[i].kept == expected[i].kept);
    CHECK(curve[i].loss == expected[i].loss);
  }
}

// A curve as measured: falls on the whole, with noise.
Curve noisy_curve(Draw& draw, double weights) {
  Curve points;
  const double scale = 0.1 + draw.real();
  for (double density = 1; density > 0.01; density *= 0.6)
    points.push_back({std::round(density * weights), scale * (0.02 / density + 0.1 * draw.real())});
  return points;
}

double total(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

}  // namespace

TEST_CASE("sensitivity: a convex curve keeps the corners below") {
  // Given from many weights to few: the point at 40 lies above the line from 20 to 100.
  check_curve(convex_curve({{100, 1}, {40, 4}, {20, 5}, {10, 9}}), {{10, 9}, {20, 5}, {100, 1}});
  // On a line the middle is no corner; of two losses for as many weights the lesser counts.
  check_curve(convex_curve({{1, 3}, {2, 2}, {3, 1}, {3, 7}}), {{1, 3}, {3, 1}});
  check_curve(convex_curve({{5, 2}}), {{5, 2}});
}

TEST_CASE("sensitivity: a curve that rises with the weights kept is flat instead") {
  check_curve(convex_curve({{10, 9}, {50, 1}, {100, 2}}), {{10, 9}, {50, 1}, {100, 1}});
  check_curve(convex_curve({{10, 1}, {50, 4}, {100, 2}}), {{10, 1}, {100, 1}});
}

TEST_CASE("sensitivity: the convex curve is below its points, convex and does not rise") {
  Draw draw(1);
  for (int round = 0; round < 50; ++round) {
    const Curve points = noisy_curve(draw, 1000);
    const Curve curve = convex_curve(points);
    for (const KeptLoss& point : points) CHECK(loss_at(curve, point.kept) <= point.loss + 1e-12);
    double slope = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 1; i < curve.size(); ++i) {
      const double next = (curve[i].loss - curve[i - 1].loss) / (curve[i].kept - curve[i - 1].kept);
      CHECK(next > slope);
      CHECK(next <= 0);
      slope = next;
    }
    CHECK(curve.front().kept == points.back().kept);
    CHECK(curve.back().kept == 1000);
  }
}

TEST_CASE("sensitivity: loss between corners is linear, beyond them constant") {
  const Curve curve = {{10, 8}, {20, 4}, {60, 2}};
  CHECK(loss_at(curve, 5) == 8);
  CHECK(loss_at(curve, 15) == 6);
  CHECK(loss_at(curve, 20) == 4);
  CHECK(loss_at(curve, 40) == 3);
  CHECK(loss_at(curve, 90) == 2);
}

TEST_CASE("sensitivity: weights go where the loss falls most for each") {
  // Prices: 1 and 0.1 in the first, 0.5 and 0.1 in the second.
  const std::vector<Curve> curves = {{{10, 11}, {20, 1}, {30, 0}}, {{10, 7}, {20, 2}, {40, 0}}};
  const auto check_kept = [&](double kept, double first, double second) {
    CAPTURE(kept);
    const std::vector<double> allocation = allocate_kept(curves, kept);
    CHECK(allocation[0] == doctest::Approx(first));
    CHECK(allocation[1] == doctest::Approx(second));
  };
  check_kept(20, 10, 10);
  check_kept(25, 15, 10);
  check_kept(30, 20, 10);
  check_kept(36, 20, 16);
  check_kept(40, 20, 20);
  check_kept(55, 25, 30);  // at one price: each half of its way
  check_kept(70, 30, 40);
  check_kept(100, 30, 40);
  check_kept(18, 10, 10);  // what rounding to whole weights explains
  CHECK(failure_of([&] { allocate_kept(curves, 17); }) == Failure::usage);
  CHECK(allocate_kept({{{5, 1}}}, 5) == std::vector<double>{5});
  CHECK(allocate_kept({}, 0).empty());
}

TEST_CASE("sensitivity: no other split of the same weights has less loss") {
  Draw draw(2);
  for (int round = 0; round < 100; ++round) {
    const std::vector<Curve> curves = {convex_curve(noisy_curve(draw, 100)),
                                       convex_curve(noisy_curve(draw, 400)),
                                       convex_curve(noisy_curve(draw, 60))};
    const double least = curves[0][0].kept + curves[1][0].kept + curves[2][0].kept;
    const double kept = least + (560 - least) * draw.real();
    const std::vector<double> best = allocate_kept(curves, kept);
    CHECK(total(best) == doctest::Approx(kept));
    double loss = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(best[i] >= curves[i].front().kept - 1e-9);
      CHECK(best[i] <= curves[i].back().kept + 1e-9);
      loss += loss_at(curves[i], best[i]);
    }
    for (double first = curves[0].front().kept; first <= 100; first += 3)
      for (double third = curves[2].front().kept; third <= 60; third += 3) {
        const double second = kept - first - third;
        if (second < curves[1].front().kept || second > 400) continue;
        const double other =
            loss_at(curves[0], first) + loss_at(curves[1], second) + loss_at(curves[2], third);
        CHECK(loss <= other + 1e-9);
      }
  }
}

TEST_CASE("sensitivity: proposed densities meet the whole and spare what is sensitive") {
  // Of equal sizes, the second loses ten times as much.
  const std::vector<Sensitivity> layers = {{100, {{100, 1}, {50, 1.01}, {20, 1.05}, {5, 1.5}}},
                                           {100, {{100, 1}, {50, 1.1}, {20, 1.5}, {5, 6}}}};
  const DensityProposal proposal = propose_densities(layers, 0.3);
  CHECK(proposal.density == doctest::Approx(0.3));
  CHECK((proposal.densities[0] + proposal.densities[1]) / 2 == doctest::Approx(0.3));
  // The prices that occur are 0.0133 from 20 to 50 in the second, 0.03 and 0.0013 in the first.
  CHECK(proposal.densities[0] == doctest::Approx(0.2));
  CHECK(proposal.densities[1] == doctest::Approx(0.4));
  CHECK(proposal.loss_rise == doctest::Approx(0.05 + 0.1 + 10 * 0.4 / 30));

  const DensityProposal all = propose_densities(layers, 1);
  CHECK(all.densities == std::vector<double>{1, 1});
  CHECK(all.loss_rise == doctest::Approx(0));
  // A layer pruned before, 30 of its 100 weights there, has no more to give back.
  const DensityProposal pruned = propose_densities({{100, {{30, 1}, {10, 2}}}}, 0.5);
  CHECK(pruned.densities[0] == doctest::Approx(0.3));
  CHECK(pruned.density == doctest::Approx(0.3));
}

TEST_CASE("sensitivity: densities out of range or of reach are refused") {
  const std::vector<Sensitivity> layers = {{100, {{100, 1}, {10, 2}}}};
  for (const double overall : {0.0, -0.5, 1.5, std::nan(""), 0.05}) {
    CAPTURE(overall);
    CHECK(failure_of([&] { propose_densities(layers, overall); }) == Failure::usage);
  }
  CHECK(propose_densities(layers, 0.1).densities[0] == doctest::Approx(0.1));
}

}  // namespace octet
