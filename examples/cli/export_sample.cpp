#include "examples/cli/export_sample.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "framework/files.h"

namespace octet::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t batch = 50, edge_pictures = 100;

// Scores of a batch of images, of which the first `watched` may be kept whole.
using Scorer = std::function<std::vector<float>(const Tensor& images, std::int64_t watched)>;

template <class T>
void write_raw(const fs::path& file, const std::vector<T>& values) {
  write_file(file, values.data(), values.size() * sizeof(T));
}

void write_pictures(const fs::path& folder, const Sample& sample, const Json& edges,
                    const Scorer& score) {
  const std::int64_t count = std::min(sample.count, sample.pictures.size());
  const Shape& image = sample.pictures.image;
  DataLoader loader(sample.pictures, {.batch = batch, .normalization = sample.normalization});
  std::vector<float> scores;
  std::int64_t done = 0;
  for (loader.start(0); done < count; done += batch) {
    const std::int64_t watched =
        std::clamp<std::int64_t>(std::min(count, edge_pictures) - done, 0, batch);
    const std::vector<float> some = score(loader.next()->images, watched);
    scores.insert(scores.end(), some.begin(), some.end());
  }
  const std::size_t classes = sample.pictures.classes.size();
  scores.resize(static_cast<std::size_t>(count) * classes);
  write_file(folder / "pictures.u8", sample.pictures.pixels.data(),
             static_cast<std::size_t>(count * image.elements()));
  write_file(folder / "labels.i32", sample.pictures.labels.data(),
             static_cast<std::size_t>(count) * sizeof(std::int32_t));
  write_raw(folder / "scores.f32", scores);
  write_file(folder / "sample.json", Json{{"images", count},
                                          {"edge_images", std::min(count, edge_pictures)},
                                          {"image", {image[0], image[1], image[2]}},
                                          {"classes", classes},
                                          {"edges", edges}}
                                             .dump(1) +
                                         "\n");
}

}  // namespace

void write_sample(const fs::path& folder, const Sample& sample, Network& network) {
  fs::create_directories(folder);
  write_pictures(folder, sample, Json::array(), [&](const Tensor& images, std::int64_t) {
    const Tensor& scores = network.forward(images, {});
    return std::vector<float>(scores.floats(), scores.floats() + scores.elements());
  });
}

void write_sample(const fs::path& folder, const Sample& sample, const IntegerNetwork& network) {
  fs::create_directories(folder / "edges");
  std::vector<Bytes> codes(network.edges().size());
  const auto keep = [&](std::size_t edge, const Tensor& all, std::int64_t watched) {
    if (all.element() == Element::int32) return;
    const auto* const begin = static_cast<const std::uint8_t*>(all.raw());
    const std::int64_t size = watched * (all.elements() / all.shape()[0]);
    codes[edge].insert(codes[edge].end(), begin, begin + size);
  };
  Json edges = Json::array();
  for (const Edge& edge : network.edges())
    if (edge.element != Element::int32)
      edges.push_back(
          {{"name", edge.name}, {"shape", {edge.shape[0], edge.shape[1], edge.shape[2]}}});
  Tensor input;
  write_pictures(folder, sample, edges, [&](const Tensor& images, std::int64_t watched) {
    network.encode(images, input);
    keep(0, input, watched);
    const Tensor sums = network.run_plain(input, [&](std::size_t stage, const Tensor& output) {
      keep(network.stages()[stage].output, output, watched);
    });
    const auto* const begin = sums.data<std::int32_t>();
    std::vector<float> scores(begin, begin + sums.elements());
    for (float& score : scores) score *= network.output().scale;
    return scores;
  });
  for (std::size_t i = 0; i < codes.size(); ++i)
    if (network.edges()[i].element != Element::int32)
      write_raw(folder / "edges" / (network.edges()[i].name + ".u8"), codes[i]);
}

}  // namespace octet::cli
