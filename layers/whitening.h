// A first convolution that whitens patches (Jordan 2024; Page 2019): its filters are the
// eigenvectors v of the second moments of the training pictures' patches, each divided by
// sqrt(eigenvalue + epsilon), and then their negatives, from the largest eigenvalue to the
// smallest.
#pragma once

#include "framework/network.h"

namespace octet {

/// Whether a layer waits for that.
bool whitens(const Network& network);
/// Fills the convolutions with init=whitening, each of which must be the network's first layer with
/// 2 k k C filters and stride 1. `images`: N x H x W x C, as the network gets them. Returns how
/// many there were. Throws Error(usage), naming the layer.
int whiten(Network& network, const Tensor& images, double epsilon = 5e-4);

/// Eigenvalues, falling, of a symmetric matrix of n rows, and its eigenvectors as rows, the largest
/// component of each positive. By Jacobi's rotations in doubles: the same bits everywhere.
std::vector<double> eigenvectors(std::vector<double> matrix, std::vector<double>& vectors);

}  // namespace octet
