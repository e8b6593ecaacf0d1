// How much pruning a layer bears, and the densities that follow: L_l(k) is the loss with k weights
// of layer l kept and all others untouched. Of all k with sum k_l = K those are proposed that make
// sum L_l(k_l) least, where dL_l/dk = -lambda is the same in every layer.
// Curves: Han, Pool, Tran, Dally 2015 (1506.02626), figure 6; multiplier: Everett 1963.
#pragma once

#include <cstdint>
#include <vector>

namespace octet {

/// A point of a layer's curve.
struct KeptLoss {
  double kept;  ///< weights that live
  double loss;
};

/// The largest function through or below the points that is convex and does not rise with the
/// weights kept, as its corners, from few weights to many.
std::vector<KeptLoss> convex_curve(std::vector<KeptLoss> points);

/// Of a curve of convex_curve: its loss at `kept`, linear between corners, constant beyond them.
double loss_at(const std::vector<KeptLoss>& curve, double kept);

/// The weights each curve keeps when `kept` live in all (more than all curves have: all of theirs)
/// and the sum of losses is least; layers at one slope go the same share of the way between their
/// corners. Throws Error(usage) where the curves do not reach down to `kept`, but for a weight
/// each, which densities lose when they become whole weights.
std::vector<double> allocate_kept(const std::vector<std::vector<KeptLoss>>& curves, double kept);

/// A layer as it was measured; the point with most weights kept is the layer untouched.
struct Sensitivity {
  std::int64_t weights = 0;
  std::vector<KeptLoss> points;  ///< at least one
};

struct DensityProposal {
  std::vector<double> densities;  ///< of each layer
  double density = 0;             ///< of all weights
  double loss_rise = 0;           ///< predicted: the layers' rises, summed
};

/// Throws Error(usage) unless `overall` is above 0, at most 1, and within reach of the points.
DensityProposal propose_densities(const std::vector<Sensitivity>& layers, double overall);

}  // namespace octet
