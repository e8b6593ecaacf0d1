// The tables of Han, Mao, Dally 2015 (1510.00149, ICLR 2016): tables 1 to 5, as they are printed.
// P = pruning, Q = weight sharing ("quantization"), H = Huffman coding.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace octet::papers {

struct PublishedLayer {
  std::string name;        ///< the paper's, as in Caffe: "ip1"
  std::string layer;       ///< ours: "fc1"
  double kept;             ///< % of the weights that survive pruning
  int weight_bits;         ///< after sharing
  double weight_bits_h;    ///< and Huffman coding, on average
  int index_bits;          ///< of the relative index
  double index_bits_h;     ///< and Huffman coding, on average
  double size_pq, size_h;  ///< % of the dense layer's bytes after P+Q, and after P+Q+H
};

struct PublishedNetwork {
  std::string name;
  std::vector<PublishedLayer> layers;
  double kept, size_pq, size_h;       ///< % of the whole
  double ratio_p, ratio_pq, ratio_h;  ///< times fewer weights; times smaller, twice
  double error_dense, error;          ///< top-1 error, %, before and after
};

/// lenet300, lenet5, alexnet or vgg16. Throws Error(usage) for another name.
const PublishedNetwork& published(std::string_view network);

}  // namespace octet::papers
