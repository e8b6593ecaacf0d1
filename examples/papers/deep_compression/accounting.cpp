// Tables 4 and 5 of the paper without their training: AlexNet and VGG-16 with drawn weights, at
// the paper's densities and bits, through the same pruning, sharing, coder and file.
#include "examples/papers/deep_compression/accounting.h"

#include <algorithm>
#include <cstring>
#include <iostream>

#include "examples/cli/session.h"
#include "examples/papers/deep_compression/experiments.h"
#include "examples/papers/deep_compression/synthetic_networks.h"
#include "framework/check.h"
#include "framework/parallel.h"
#include "quant/compression/pruning.h"
#include "quant/compression/weight_sharing.h"

namespace octet::papers {
namespace {

double mebibytes(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

void account_network(const std::string& name, const DeepCompressionOptions& options,
                     Claims& claims) {
  const PublishedNetwork& paper = published(name);
  const cli::Stopwatch drawing;
  Model model = synthetic_model(large_network(name), options.common.seed);
  const std::int64_t dense = 4 * model.parameters();
  std::cout << paper.name << ": " << model.parameters() << " parameters drawn in "
            << fixed(drawing.seconds(), 1) << " s, " << fixed(mebibytes(dense), 0) << " MiB, "
            << threads() << (threads() == 1 ? " thread" : " threads") << std::endl;
  const Account account = compress_by_paper(paper, model);
  const double seconds = account.compressing.seconds + account.encoded.encoding.seconds;
  const auto both = [](const Elapsed& elapsed) {
    return fixed(elapsed.seconds, 1) + " s (" + fixed(elapsed.processor_seconds, 1) +
           " of the processors)";
  };
  const double memory = peak_mebibytes() / mebibytes(dense);
  const StageBytes bytes = stage_bytes(account.encoded);
  std::cout << layer_table(paper, layer_figures(paper, account.encoded)) << '\n'
            << aligned(
                   {{"whole file", "paper", "ours"},
                    {"pruned: times fewer weights", fixed(paper.ratio_p, 0),
                     fixed(100 / layer_figures(paper, account.encoded).back().kept, 1)},
                    {"pruned: times smaller", "-", fixed(ratio(model, bytes.pruned), 1)},
                    {"+ shared", fixed(paper.ratio_pq, 0), fixed(ratio(model, bytes.shared), 1)},
                    {"+ Huffman", fixed(paper.ratio_h, 0), fixed(ratio(model, bytes.coded), 1)},
                    {"bytes", "-", std::to_string(bytes.coded)}})
            << "pruned and shared in " << both(account.compressing) << ", encoded in "
            << both(account.encoded.encoding) << ",\ndecoded in " << both(account.encoded.decoding)
            << ", peak memory " << fixed(peak_mebibytes(), 0) << " MiB\n"
            << std::endl;
  const LayerFigures total = layer_figures(paper, account.encoded).back();
  claims.add({.what = paper.name + ": P+Q, % of dense",
              .paper = paper.size_pq,
              .ours = total.size_pq,
              .at_most = true,
              .bound = 1.1 * paper.size_pq,
              .digits = 2});
  claims.add({.what = paper.name + ": times smaller, drawn weights",
              .paper = paper.ratio_h,
              .ours = ratio(model, bytes.coded),
              .at_most = false,
              .bound = paper.ratio_pq,
              .digits = 1});
  claims.add({.what = paper.name + ": seconds to prune, share, encode",
              .ours = seconds,
              .at_most = true,
              .bound = 60,
              .digits = 1});
  claims.add({.what = paper.name + ": seconds to decode",
              .ours = account.encoded.decoding.seconds,
              .at_most = true,
              .bound = 3,
              .digits = 2});
  claims.add({.what = paper.name + ": peak memory / model",
              .ours = memory,
              .at_most = true,
              .bound = 3,
              .digits = 2});
}

}  // namespace

Account compress_by_paper(const PublishedNetwork& paper, Model& model) {
  cli::Progress progress;
  const Timer timer;
  std::int64_t done = 0, all = model.parameters();
  for (const PublishedLayer& layer : paper.layers) {
    const auto found = model.tensors.find(layer.layer + ".weight");
    check(found != model.tensors.end(), Failure::failed, paper.name, " has no layer ", layer.layer);
    progress.show(paper.name + ": " + layer.name,
                  static_cast<double>(done) / static_cast<double>(all));
    Parameter parameter{.name = found->first, .value = std::move(found->second)};
    done += parameter.value.elements();
    prune(parameter, layer.kept / 100);
    // Nothing is trained here, so the mask need not be kept; nor the clusters.
    parameter.constraints.clear();
    const Sharing sharing =
        cluster(parameter.value, (1 << layer.weight_bits) - 1, Centroids::linear, 0);
    float* const values = parameter.value.floats();
    parallel_for(parameter.value.elements(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::uint32_t k = sharing.assignment[static_cast<std::size_t>(i)];
        values[i] = k > 0 ? sharing.codebook[k - 1] : 0.0f;
      }
    });
    found->second = std::move(parameter.value);
  }
  progress.clear();
  Account account;
  account.compressing = timer.elapsed();
  progress.show(paper.name + ": encoding and decoding", 1);
  account.encoded = encode_and_decode(model, paper.layers.front().index_bits);
  progress.clear();
  return account;
}

void account_large_networks(const DeepCompressionOptions& options, Claims& claims) {
  const bool all = options.network == "all";
  check(all || options.network == "alexnet" || options.network == "vgg16", Failure::usage,
        "--experiment accounting: expected --network alexnet, vgg16 or all, got ", options.network);
  std::cout
      << "Weights and their positions are drawn, not trained. P+Q depends on densities and bits "
         "alone and must\nagree. Huffman coding finds less here than in the paper, probably "
         "because survivors of training crowd\ntogether, and because our k-means runs to its "
         "minimum, which spreads weights over the centroids.\n\n";
  if (all || options.network == "alexnet") account_network("alexnet", options, claims);
  if ((all && !options.common.quick) || options.network == "vgg16")
    account_network("vgg16", options, claims);
}

}  // namespace octet::papers
