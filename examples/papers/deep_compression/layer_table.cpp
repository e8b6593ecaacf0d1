#include "examples/papers/deep_compression/layer_table.h"

#include <algorithm>

#include "examples/papers/common/claims.h"
#include "framework/check.h"

namespace octet::papers {
namespace {

std::string beside(double ours, double paper, int digits, int paper_digits) {
  return fixed(ours, digits) + " / " + fixed(paper, paper_digits);
}

}  // namespace

std::vector<LayerFigures> layer_figures(const PublishedNetwork& paper, const Encoded& encoded) {
  std::vector<LayerFigures> figures;
  LayerFigures total;
  double nonzeros = 0, entries = 0, shared = 0, coded = 0;
  for (const PublishedLayer& layer : paper.layers) {
    const auto found =
        std::find_if(encoded.reports.begin(), encoded.reports.end(),
                     [&](const TensorReport& r) { return r.name == layer.layer + ".weight"; });
    check(found != encoded.reports.end(), Failure::failed, paper.name, " has no layer ",
          layer.layer);
    const FixedFields& fields =
        encoded.fields[static_cast<std::size_t>(found - encoded.reports.begin())];
    const auto weights = static_cast<double>(found->elements);
    const auto count = static_cast<double>(found->entries);
    const double dense = 4 * weights;
    figures.push_back({.weights = weights,
                       .kept = 100 * static_cast<double>(found->nonzeros) / weights,
                       .weight_bits = static_cast<double>(found->weight_bits),
                       .weight_bits_h = found->coded_weight_bits,
                       .index_bits = static_cast<double>(fields.index_bits),
                       .index_bits_h = found->coded_index_bits,
                       .size_pq = 100 * static_cast<double>(fields.shared) / dense,
                       .size_h = 100 * static_cast<double>(found->payload_bytes) / dense});
    total.weights += weights;
    nonzeros += static_cast<double>(found->nonzeros);
    entries += count;
    shared += static_cast<double>(fields.shared);
    coded += static_cast<double>(found->payload_bytes);
    total.weight_bits += count * figures.back().weight_bits;
    total.weight_bits_h += count * figures.back().weight_bits_h;
    total.index_bits += count * figures.back().index_bits;
    total.index_bits_h += count * figures.back().index_bits_h;
  }
  total.kept = 100 * nonzeros / total.weights;
  total.weight_bits /= entries;
  total.weight_bits_h /= entries;
  total.index_bits /= entries;
  total.index_bits_h /= entries;
  total.size_pq = 25 * shared / total.weights;
  total.size_h = 25 * coded / total.weights;
  figures.push_back(total);
  return figures;
}

std::vector<LayerFigures> average(const std::vector<std::vector<LayerFigures>>& tables) {
  std::vector<LayerFigures> mean = tables.front();
  for (std::size_t row = 0; row < mean.size(); ++row)
    for (double LayerFigures::*figure :
         {&LayerFigures::kept, &LayerFigures::weight_bits, &LayerFigures::weight_bits_h,
          &LayerFigures::index_bits, &LayerFigures::index_bits_h, &LayerFigures::size_pq,
          &LayerFigures::size_h}) {
      double sum = 0;
      for (const auto& table : tables) sum += table[row].*figure;
      mean[row].*figure = sum / static_cast<double>(tables.size());
    }
  return mean;
}

std::string layer_table(const PublishedNetwork& paper, const std::vector<LayerFigures>& ours) {
  std::vector<std::vector<std::string>> rows{{"layer", "weights", "kept %", "weight bits P+Q",
                                              "P+Q+H", "index bits P+Q", "P+Q+H", "size P+Q %",
                                              "P+Q+H %"}};
  for (std::size_t i = 0; i < paper.layers.size(); ++i) {
    const PublishedLayer& layer = paper.layers[i];
    const LayerFigures& row = ours[i];
    rows.push_back({layer.name, fixed(row.weights, 0), beside(row.kept, layer.kept, 1, 0),
                    beside(row.weight_bits, layer.weight_bits, 1, 0),
                    beside(row.weight_bits_h, layer.weight_bits_h, 1, 1),
                    beside(row.index_bits, layer.index_bits, 1, 0),
                    beside(row.index_bits_h, layer.index_bits_h, 1, 1),
                    beside(row.size_pq, layer.size_pq, 2, 1),
                    beside(row.size_h, layer.size_h, 2, 2)});
  }
  const LayerFigures& total = ours.back();
  rows.push_back({"all weights", fixed(total.weights, 0), beside(total.kept, paper.kept, 1, 1),
                  fixed(total.weight_bits, 1), fixed(total.weight_bits_h, 1),
                  fixed(total.index_bits, 1), fixed(total.index_bits_h, 1),
                  beside(total.size_pq, paper.size_pq, 2, 2),
                  beside(total.size_h, paper.size_h, 2, 2)});
  return aligned(rows);
}

}  // namespace octet::papers
