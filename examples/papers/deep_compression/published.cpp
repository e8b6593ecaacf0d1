#include "examples/papers/deep_compression/published.h"

#include "framework/check.h"

namespace octet::papers {
namespace {

// Table 2.
const PublishedNetwork lenet300{.name = "LeNet-300-100",
                                .layers = {{"ip1", "fc1", 8, 6, 4.4, 5, 3.7, 3.1, 2.32},
                                           {"ip2", "fc2", 9, 6, 4.4, 5, 4.3, 3.8, 3.04},
                                           {"ip3", "fc3", 26, 6, 4.3, 5, 3.2, 15.7, 12.70}},
                                .kept = 8,
                                .size_pq = 3.1,
                                .size_h = 2.49,
                                .ratio_p = 12,
                                .ratio_pq = 32,
                                .ratio_h = 40,
                                .error_dense = 1.64,
                                .error = 1.58};

// Table 3.
const PublishedNetwork lenet5{.name = "LeNet-5",
                              .layers = {{"conv1", "conv1", 66, 8, 7.2, 5, 1.5, 78.5, 67.45},
                                         {"conv2", "conv2", 12, 8, 7.2, 5, 3.9, 6.0, 5.28},
                                         {"ip1", "fc1", 8, 5, 4.5, 5, 4.5, 2.7, 2.45},
                                         {"ip2", "fc2", 19, 5, 5.2, 5, 3.7, 6.9, 6.13}},
                              .kept = 8,
                              .size_pq = 3.05,
                              .size_h = 2.55,
                              .ratio_p = 12,
                              .ratio_pq = 33,
                              .ratio_h = 39,
                              .error_dense = 0.80,
                              .error = 0.74};

// Table 4.
const PublishedNetwork alexnet{.name = "AlexNet",
                               .layers = {{"conv1", "conv1", 84, 8, 6.3, 4, 1.2, 32.6, 20.53},
                                          {"conv2", "conv2", 38, 8, 5.5, 4, 2.3, 14.5, 9.43},
                                          {"conv3", "conv3", 35, 8, 5.1, 4, 2.6, 13.1, 8.44},
                                          {"conv4", "conv4", 37, 8, 5.2, 4, 2.5, 14.1, 9.11},
                                          {"conv5", "conv5", 37, 8, 5.6, 4, 2.5, 14.0, 9.43},
                                          {"fc6", "fc6", 9, 5, 3.9, 4, 3.2, 3.0, 2.39},
                                          {"fc7", "fc7", 9, 5, 3.6, 4, 3.7, 3.0, 2.46},
                                          {"fc8", "fc8", 25, 5, 4.0, 4, 3.2, 7.3, 5.85}},
                               .kept = 11,
                               .size_pq = 3.7,
                               .size_h = 2.88,
                               .ratio_p = 9,
                               .ratio_pq = 27,
                               .ratio_h = 35,
                               .error_dense = 42.78,
                               .error = 42.78};

// Table 5.
const PublishedNetwork vgg16{.name = "VGG-16",
                             .layers = {{"conv1_1", "conv1_1", 58, 8, 6.8, 5, 1.7, 40.0, 29.97},
                                        {"conv1_2", "conv1_2", 22, 8, 6.5, 5, 2.6, 9.8, 6.99},
                                        {"conv2_1", "conv2_1", 34, 8, 5.6, 5, 2.4, 14.3, 8.91},
                                        {"conv2_2", "conv2_2", 36, 8, 5.9, 5, 2.3, 14.7, 9.31},
                                        {"conv3_1", "conv3_1", 53, 8, 4.8, 5, 1.8, 21.7, 11.15},
                                        {"conv3_2", "conv3_2", 24, 8, 4.6, 5, 2.9, 9.7, 5.67},
                                        {"conv3_3", "conv3_3", 42, 8, 4.6, 5, 2.2, 17.0, 8.96},
                                        {"conv4_1", "conv4_1", 32, 8, 4.6, 5, 2.6, 13.1, 7.29},
                                        {"conv4_2", "conv4_2", 27, 8, 4.2, 5, 2.9, 10.9, 5.93},
                                        {"conv4_3", "conv4_3", 34, 8, 4.4, 5, 2.5, 14.0, 7.47},
                                        {"conv5_1", "conv5_1", 35, 8, 4.7, 5, 2.5, 14.3, 8.00},
                                        {"conv5_2", "conv5_2", 29, 8, 4.6, 5, 2.7, 11.7, 6.52},
                                        {"conv5_3", "conv5_3", 36, 8, 4.6, 5, 2.3, 14.8, 7.79},
                                        {"fc6", "fc6", 4, 5, 3.6, 5, 3.5, 1.6, 1.10},
                                        {"fc7", "fc7", 4, 5, 4.0, 5, 4.3, 1.5, 1.25},
                                        {"fc8", "fc8", 23, 5, 4.0, 5, 3.4, 7.1, 5.24}},
                             .kept = 7.5,
                             .size_pq = 3.2,
                             .size_h = 2.05,
                             .ratio_p = 13,
                             .ratio_pq = 31,
                             .ratio_h = 49,
                             .error_dense = 31.50,
                             .error = 31.17};

}  // namespace

const PublishedNetwork& published(std::string_view network) {
  if (network == "lenet300") return lenet300;
  if (network == "lenet5") return lenet5;
  if (network == "alexnet") return alexnet;
  check(network == "vgg16", Failure::usage,
        "expected network lenet300, lenet5, alexnet or vgg16, got '", network, "'");
  return vgg16;
}

}  // namespace octet::papers
