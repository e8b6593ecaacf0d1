#include "quant/compression/context_coding.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>

#include "framework/check.h"
#include "quant/compression/bit_models.h"
#include "quant/compression/codebook_values.h"
#include "quant/compression/weight_sharing.h"

namespace octet {
namespace {

// No bit is cheaper than this probability of its opposite allows: log2(1 / (1 - 178 / 65536)) is
// just above 1 / 256 bit, what an element of a long gap costs at least in the other coding, and a
// few bytes cannot claim to be any number of zeros.
constexpr Probability least = 178;
constexpr std::uint64_t elements_a_byte = 8 * 256;

constexpr std::uint32_t sign_bit = 0x80000000u;

// Negative values, then positive ones, each by rising magnitude.
struct Codebook {
  std::vector<std::uint32_t> values;
  std::int64_t negatives = 0;

  std::int64_t positives() const { return static_cast<std::int64_t>(values.size()) - negatives; }
};

Codebook order_by_value(const std::vector<std::uint32_t>& found,
                        std::vector<std::uint16_t>& place) {
  std::vector<std::uint16_t> order(found.size());
  std::iota(order.begin(), order.end(), std::uint16_t{0});
  // As integers, positive floats rise with their magnitude, and so do negative ones.
  std::sort(order.begin(), order.end(), [&](std::uint16_t a, std::uint16_t b) {
    return (found[a] ^ sign_bit) < (found[b] ^ sign_bit);
  });
  Codebook codebook;
  place.resize(found.size());
  for (const std::uint16_t number : order) {
    place[number] = static_cast<std::uint16_t>(codebook.values.size());
    codebook.values.push_back(found[number]);
    codebook.negatives += (found[number] & sign_bit) != 0;
  }
  return codebook;
}

// Puts the bit, or gets one whatever `bit` says: the model below is written once for both.
bool code(BinaryEncoder& encoder, bool bit, Probability one) {
  encoder.put(bit, one);
  return bit;
}
bool code(BinaryDecoder& decoder, bool, Probability one) { return decoder.get(one); }

// A bit from the predictions of some contexts, mixed.
template <int inputs, class Coder>
bool code_mixed(Coder& coder, bool bit, const std::array<BitCounter*, inputs>& counters,
                BitMixer<inputs>& mixer, double& cost) {
  for (int i = 0; i < inputs; ++i) mixer.set(i, counters[static_cast<std::size_t>(i)]->one());
  const Probability one = std::clamp(mixer.one(), least, probability_one - least);
  bit = code(coder, bit, one);
  cost -= std::log2((bit ? one : probability_one - one) / 65536.0);
  for (BitCounter* counter : counters) counter->update(bit);
  mixer.update(bit);
  return bit;
}

// How often something was there, of how often it could have been, on a logarithmic scale.
class Density {
 public:
  static constexpr int levels = 36;
  void add(bool there) {
    seen_ += 1;
    there_ += there;
  }
  // 12 levels of density, 3 of confidence.
  std::size_t level() const {
    const int confidence = seen_ < 2 ? 0 : seen_ < 12 ? 1 : 2;
    const auto share = static_cast<std::uint32_t>(std::uint64_t{there_} * 2047 / (seen_ + 1));
    return static_cast<std::size_t>(std::bit_width(share) * 3 + confidence);
  }

 private:
  std::uint32_t seen_ = 0, there_ = 0;
};
static_assert(Density::levels == 12 * 3);

enum Sign : std::uint8_t { none, negative, positive };

// Predicts the elements of a tensor of `shape`, one after the other.
class ContextModel {
 public:
  ContextModel(const Shape& shape, const Codebook& codebook)
      : codebook_(codebook),
        rows_(shape.rank() > 1 ? shape[0] : 1),
        columns_(rows_ > 0 ? shape.elements() / rows_ : 0),
        channels_(shape.rank() == 4 && columns_ > 0 ? shape[3] : columns_),
        is_image_(channels_ < columns_),
        column_density_(rows_ > 1 ? static_cast<std::size_t>(columns_) : 1),
        channel_density_(is_image_ ? static_cast<std::size_t>(channels_) : 1),
        spot_density_(is_image_ ? static_cast<std::size_t>(columns_ / channels_) : 1),
        above_(column_density_.size()),
        two_above_(column_density_.size()) {
    const std::int64_t counts[] = {codebook.negatives, codebook.positives()};
    for (std::size_t sign = 0; sign < 2; ++sign)
      if (counts[sign] > 1)
        depth_[sign] =
            static_cast<int>(std::bit_width(static_cast<std::uint64_t>(counts[sign] - 1)));
    nodes_ = std::size_t{1} << std::max(depth_[0], depth_[1]);
    tree_by_sign_.resize(2 * nodes_);
    tree_by_size_.resize(3 * nodes_);
    tree_by_above_.resize(4 * nodes_);
  }

  double presence_bits() const { return presence_bits_; }
  double value_bits() const { return value_bits_; }

  /// get(i): the place of element i in the codebook, or -1; set(i, place) for those that are there.
  /// Returns false when a place is not in the codebook.
  template <class Coder, class Get, class Set>
  bool run(Coder& coder, const Get& get, const Set& set) {
    std::int64_t element = 0;
    for (std::int64_t row = 0; row < rows_ && columns_ > 0; ++row) {
      Density row_density;
      std::uint32_t left = 0;  // the last elements of the row: a bit for each
      last_sign_ = none;
      last_size_ = 0;
      for (std::int64_t column = 0; column < columns_; ++column, ++element) {
        const int place = get(element);
        // The only row has nothing above it.
        const std::size_t at = rows_ > 1 ? static_cast<std::size_t>(column) : 0;
        const bool there = code_presence(coder, place >= 0, column, at, left, row_density);
        left = (left << 1) | (there ? 1u : 0u);
        const Seen above = rows_ > 1 ? above_[at] : Seen{};
        two_above_[at] = above;
        above_[at] = {};
        if (!there) continue;
        const int coded = code_value(coder, place, above);
        if (coded < 0) return false;
        if (rows_ > 1) above_[at] = {last_sign_, last_size_};
        set(element, coded);
      }
    }
    return true;
  }

 private:
  struct Seen {
    Sign sign = none;
    std::uint8_t size = 0;  // of its place: small, middle, large
  };

  template <class Coder>
  bool code_presence(Coder& coder, bool there, std::int64_t column, std::size_t at,
                     std::uint32_t left, Density& row) {
    const std::size_t channel = is_image_ ? static_cast<std::size_t>(column % channels_) : 0;
    const std::size_t spot = is_image_ ? static_cast<std::size_t>(column / channels_) : 0;
    // The same channel of the pixel before, where it is within the bits of `left`.
    const std::uint32_t before = spot > 0 && channels_ <= 32 ? (left >> (channels_ - 1)) & 1u : 0u;
    const std::size_t up =
        (above_[at].sign != none ? 1u : 0u) | (two_above_[at].sign != none ? 2u : 0u);
    const std::size_t near = (left & 3u) | (up << 2) | (before << 4);
    Density &down = column_density_[at], &through = channel_density_[channel],
            &here = spot_density_[spot];
    const std::array<BitCounter*, 5> counters{
        &by_neighbours_[near], &by_column_[down.level() * 4 + up],
        &by_row_[row.level() * 4 + (left & 3u)], &by_channel_[through.level() * 2 + (up & 1u)],
        &by_spot_[here.level()]};
    there = code_mixed<5>(coder, there, counters, presence_mixers_[up], presence_bits_);
    for (Density* density : {&row, &down, &through, &here}) density->add(there);
    return there;
  }

  // The place in the codebook, or -1 where there is none.
  template <class Coder>
  int code_value(Coder& coder, int place, const Seen& above) {
    bool is_positive = place >= codebook_.negatives;
    if (codebook_.negatives > 0 && codebook_.positives() > 0) {
      const std::array<BitCounter*, 3> counters{
          &sign_alone_, &sign_by_last_[last_sign_],
          &sign_by_above_[static_cast<std::size_t>(above.sign)]};
      is_positive = code_mixed<3>(coder, is_positive, counters, sign_mixer_, value_bits_);
    } else {
      is_positive = codebook_.positives() > 0;
    }
    const std::int64_t count = is_positive ? codebook_.positives() : codebook_.negatives;
    const auto rank = static_cast<std::size_t>(place - (is_positive ? codebook_.negatives : 0));
    const int depth = depth_[is_positive];
    std::size_t node = 1;
    for (int level = depth - 1; level >= 0; --level) {
      const std::size_t side = is_positive ? nodes_ : 0;
      const std::array<BitCounter*, 3> counters{
          &tree_by_sign_[side + node], &tree_by_size_[last_size_ * nodes_ + node],
          &tree_by_above_[(above.sign == none ? 3u : above.size) * nodes_ + node]};
      const bool bit =
          code_mixed<3>(coder, ((rank >> level) & 1) != 0, counters,
                        tree_mixers_[static_cast<std::size_t>(std::min(level, 7))], value_bits_);
      node = node * 2 + (bit ? 1 : 0);
    }
    const auto coded = static_cast<std::int64_t>(node - (std::size_t{1} << depth));
    if (coded >= count) return -1;
    last_sign_ = is_positive ? positive : negative;
    last_size_ = static_cast<std::uint8_t>(coded * 3 / count);
    return static_cast<int>(coded + (is_positive ? codebook_.negatives : 0));
  }

  const Codebook& codebook_;
  std::int64_t rows_, columns_, channels_;
  bool is_image_;  // of several pixels: K x KH x KW x C
  std::vector<Density> column_density_, channel_density_, spot_density_;
  std::vector<Seen> above_, two_above_;
  std::array<int, 2> depth_{};  // of the tree of each sign's places
  std::size_t nodes_ = 1;
  Sign last_sign_ = none;
  std::uint8_t last_size_ = 0;

  std::array<BitCounter, 32> by_neighbours_;
  std::array<BitCounter, Density::levels * 4> by_column_, by_row_;
  std::array<BitCounter, Density::levels * 2> by_channel_;
  std::array<BitCounter, Density::levels> by_spot_;
  std::array<BitMixer<5>, 4> presence_mixers_;
  BitCounter sign_alone_;
  std::array<BitCounter, 3> sign_by_last_, sign_by_above_;
  BitMixer<3> sign_mixer_;
  std::vector<BitCounter> tree_by_sign_, tree_by_size_, tree_by_above_;
  std::array<BitMixer<3>, 8> tree_mixers_;
  double presence_bits_ = 0, value_bits_ = 0;
};

struct Coded {
  const Codebook& codebook;
  const ContextModel& model;
  std::size_t codebook_bytes, payload_bytes, stream_bytes;
};

TensorReport report(const std::string& name, const Shape& shape, const Nonzeros& nonzeros,
                    const Coded& coded) {
  std::vector<std::uint64_t> counts(coded.codebook.values.size());
  for (const std::uint16_t place : nonzeros.symbols) ++counts[place];
  return report_contexts(name, shape, nonzeros, counts,
                         {.codebook_bytes = static_cast<std::int64_t>(coded.codebook_bytes),
                          .stream_bytes = static_cast<std::int64_t>(coded.stream_bytes),
                          .payload_bytes = static_cast<std::int64_t>(coded.payload_bytes),
                          .presence_bits = coded.model.presence_bits(),
                          .value_bits = coded.model.value_bits()});
}

}  // namespace

CodedTensor encode_contexts(const std::string& name, const Shape& shape,
                            const DistinctValues& distinct) {
  std::vector<std::uint16_t> place;
  const Codebook codebook = order_by_value(distinct.values, place);
  Nonzeros nonzeros = distinct.nonzeros;
  for (std::uint16_t& symbol : nonzeros.symbols) symbol = place[symbol];

  CodedTensor coded;
  put_varint(coded.bytes, static_cast<std::uint64_t>(codebook.negatives));
  put_varint(coded.bytes, static_cast<std::uint64_t>(codebook.positives()));
  const std::size_t front = coded.bytes.size();
  put_values(coded.bytes, codebook.values);
  const std::size_t codebook_bytes = coded.bytes.size() - front;
  Bytes stream;
  BinaryEncoder encoder(stream);
  ContextModel model(shape, codebook);
  std::size_t next = 0;
  model.run(
      encoder,
      [&](std::int64_t element) {
        if (next == nonzeros.positions.size() || nonzeros.positions[next] != element) return -1;
        return static_cast<int>(nonzeros.symbols[next++]);
      },
      [](std::int64_t, int) {});
  encoder.finish();
  put_varint(coded.bytes, stream.size());
  put_bytes(coded.bytes, stream.data(), stream.size());
  coded.report = report(name, shape, nonzeros,
                        {codebook, model, codebook_bytes, coded.bytes.size(), stream.size()});
  return coded;
}

Tensor decode_contexts(ByteReader& reader, const std::string& name, const Shape& shape,
                       TensorReport* told) {
  const std::string& source = reader.source();
  const std::size_t before = reader.left();
  Codebook codebook;
  codebook.negatives = static_cast<std::int64_t>(reader.varint(max_clusters, "negative values"));
  const std::uint64_t positives = reader.varint(max_clusters, "positive values");
  const std::size_t clusters = static_cast<std::size_t>(codebook.negatives) + positives;
  check(clusters <= max_clusters, Failure::data, source, ": expected at most ", max_clusters,
        " values, got ", clusters);
  const std::size_t front = reader.left();
  codebook.values = get_values(reader, clusters);
  const std::size_t codebook_bytes = front - reader.left();
  for (std::size_t i = 0; i < clusters; ++i) {
    const bool is_negative = (codebook.values[i] & sign_bit) != 0;
    check(is_negative == (i < static_cast<std::size_t>(codebook.negatives)), Failure::data, source,
          ": expected negative values, then positive ones");
  }
  const std::uint64_t stream = reader.varint(reader.left(), "bytes of a stream");
  // Every element costs something, and one byte is what the last ones may share.
  const std::uint64_t most = std::min(elements_a_byte * (stream + 1), (std::uint64_t{1} << 32) - 1);
  check(static_cast<std::uint64_t>(shape.elements()) <= most, Failure::data, source,
        ": expected at most ", most, " elements in ", stream, " bytes, got ", shape.elements());
  const std::uint8_t* const data = reader.take(stream);
  Tensor tensor(shape);
  tensor.fill_zero();
  float* const to = tensor.floats();
  BinaryDecoder decoder(data, static_cast<std::size_t>(stream));
  ContextModel model(shape, codebook);
  Nonzeros nonzeros{.elements = shape.elements(), .positions = {}, .symbols = {}};
  const bool valid = model.run(
      decoder, [](std::int64_t) { return -1; },
      [&](std::int64_t element, int place) {
        to[element] = std::bit_cast<float>(codebook.values[static_cast<std::size_t>(place)]);
        if (!told) return;
        nonzeros.positions.push_back(static_cast<std::uint32_t>(element));
        nonzeros.symbols.push_back(static_cast<std::uint16_t>(place));
      });
  check(valid, Failure::data, source, ": a value that is not in the codebook");
  check(decoder.is_finished(), Failure::data, source,
        ": its elements end elsewhere than its stream");
  if (told)
    *told = report(name, shape, nonzeros,
                   {codebook, model, codebook_bytes, before - reader.left(),
                    static_cast<std::size_t>(stream)});
  return tensor;
}

}  // namespace octet
