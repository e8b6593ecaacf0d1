// octet compress: prune, retrain, share, fine-tune, encode, decode again, evaluate what was decoded
// (Han, Mao, Dally 2015).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <map>

#include "examples/cli/by_layer.h"
#include "examples/cli/interrupt.h"
#include "examples/cli/kept_weights.h"
#include "examples/cli/precision_option.h"
#include "examples/cli/session.h"
#include "framework/check.h"
#include "framework/files.h"
#include "framework/parallel.h"
#include "layers/losses.h"
#include "optim/adam.h"
#include "optim/schedules.h"
#include "optim/sgd.h"
#include "quant/compression/compression_table.h"
#include "quant/compression/model_file.h"
#include "quant/compression/pruning.h"
#include "quant/compression/weight_sharing.h"

namespace octet::cli {
namespace {

struct CompressOptions {
  std::string model;
  DataOptions data;
  CommonOptions common;
  std::string prune = "0.95";
  std::string bits = "5";
  std::string centroids = "linear";
  std::string coder = "huffman";
  std::int64_t prune_epochs = 12;
  std::int64_t share_epochs = 4;
  std::int64_t batch = 64;
  double prune_rate = 0.01;
  double share_rate = 1e-4;
  double weight_decay = 1e-4;
  std::string augment = "auto";
  double validation = 0.05;
  int index_bits = 0;
  bool keep_batch_norm = false;
  double max_error = -1;
  std::int64_t max_bytes = 0;
  std::string out;
};

// Before anything is written.
void stop_if_interrupted() {
  if (interrupt() != 0) throw Interrupted{interrupt(), ": nothing was written"};
}

class Compression {
 public:
  explicit Compression(const CompressOptions& options);
  int work();

 private:
  std::map<std::string, double> target_densities();
  void prune_to(double progress);
  void retrain(const char* what, Optimizer& optimizer, double rate, std::int64_t epochs,
               const std::function<void(std::int64_t)>& before_epoch);
  void share_all();
  Metrics validate();
  int finish(const Model& original);

  CompressOptions options_;
  Model model_;
  Splits splits_;
  Dataset validation_;
  Normalization normalization_;
  std::unique_ptr<Loss> loss_;
  Network network_;
  ByLayer sparsities_, bits_;
  std::map<std::string, double> densities_;
  TrainingState state_;
  Metrics original_test_;
};

Compression::Compression(const CompressOptions& options)
    : options_(options),
      model_(open_model(options.model)),
      sparsities_(options.prune, "--prune", 0, 0.9999),
      bits_(options.bits, "--bits", 1, 12) {
  splits_ = load_data(options.data, model_.definition.input, model_.definition.input);
  check_classes(model_, splits_.train);
  std::erase_if(model_.tensors,
                [](const auto& entry) { return entry.first.starts_with("optimizer."); });
  model_.attributes.erase("training");
  normalization_ = normalization_of(model_);
  loss_ = make_loss(model_.attribute("loss"));
  note_simulation(model_);
  network_ = build_network(model_);
  keep_zeros(network_);  // what was pruned before stays so
  densities_ = target_densities();
  for (const Parameter* parameter : network_.parameters()) bits_.value(layer_of(*parameter));
  bits_.check_all_used();
  const auto held =
      static_cast<std::int64_t>(options.validation * static_cast<double>(splits_.train.size()));
  if (held > 0) validation_ = octet::hold_out(splits_.train, held, options.common.seed);
  state_.seed = options.common.seed;
}

std::map<std::string, double> Compression::target_densities() {
  std::map<std::string, double> densities;
  std::vector<std::int64_t> sizes;
  std::vector<std::string> names;
  for (const Parameter* parameter : network_.parameters()) {
    if (!parameter->is_weight) continue;
    const double sparsity = sparsities_.value(layer_of(*parameter));
    if (!std::isnan(sparsity)) {
      densities[parameter->name] = 1 - sparsity;
    } else {
      sizes.push_back(parameter->value.elements());
      names.push_back(parameter->name);
    }
  }
  sparsities_.check_all_used();
  if (!names.empty() && sparsities_.has_rest()) {
    const std::vector<double> shares = densities_by_size(sizes, 1 - sparsities_.rest());
    for (std::size_t i = 0; i < names.size(); ++i) densities[names[i]] = shares[i];
  }
  return densities;
}

// Progress 0 .. 1: the density falls from 1 to the target, cubically as in Zhu, Gupta 2017, so that
// most weights go early and the last ones carefully.
void Compression::prune_to(double progress) {
  const double left = (1 - progress) * (1 - progress) * (1 - progress);
  for (Parameter* parameter : network_.parameters())
    if (const auto target = densities_.find(parameter->name); target != densities_.end())
      prune(*parameter, target->second + (1 - target->second) * left);
}

Metrics Compression::validate() {
  if (validation_.size() == 0) return {};
  DataLoader loader(validation_, {.batch = 250, .normalization = normalization_});
  return evaluate(network_, *loss_, loader);
}

void Compression::retrain(const char* what, Optimizer& optimizer, double rate, std::int64_t epochs,
                          const std::function<void(std::int64_t)>& before_epoch) {
  DataLoader loader(splits_.train, {.batch = options_.batch,
                                    .shuffle = true,
                                    .seed = options_.common.seed,
                                    .normalization = normalization_,
                                    .transform = find_transform(options_.augment, splits_.train)});
  const Schedule schedule{.kind = Schedule::Kind::cosine,
                          .base = static_cast<float>(rate),
                          .steps = epochs * loader.batches(),
                          .floor = 0.01};
  const std::int64_t first_step = state_.step;
  Progress progress;
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    if (before_epoch) before_epoch(epoch);
    state_.metrics = {};
    train_epoch(
        network_, *loss_, optimizer, loader,
        [&](std::int64_t step) { return schedule.rate(step - first_step); }, state_,
        [&](const TrainingState& now) {
          progress.show(format_text("%s %lld/%lld", what, static_cast<long long>(epoch + 1),
                                    static_cast<long long>(epochs)),
                        static_cast<double>(now.batch) / static_cast<double>(loader.batches()));
          return interrupt() == 0;
        });
    progress.clear();
    stop_if_interrupted();
    std::cout << format_text("%-8s epoch %2lld  loss %.4f  validation error ", what,
                             static_cast<long long>(epoch + 1), state_.metrics.loss())
              << (validation_.size() > 0 ? percent(validate()) : "-") << std::endl;
  }
}

void Compression::share_all() {
  for (Parameter* parameter : network_.parameters()) {
    const double rule = bits_.value(layer_of(*parameter));
    const double bits = std::isnan(rule) ? bits_.rest() : rule;
    if (std::isnan(bits)) continue;
    // Where weights are pruned, zero is one of the 2^bits symbols.
    const int zero = density(parameter->value) < 1 ? 1 : 0;
    share(*parameter, (1 << static_cast<int>(bits)) - zero, parse_centroids(options_.centroids),
          options_.common.seed);
  }
}

int Compression::finish(const Model& original) {
  Model compressed = network_.snapshot();
  compressed.attributes = original.attributes;
  EncodeOptions how{.index_bits = {}, .coder = parse_coder(options_.coder)};
  if (options_.index_bits > 0) how.index_bits = options_.index_bits;
  std::vector<TensorReport> reports;
  const Bytes bytes = encode(compressed, how, &reports);
  stop_if_interrupted();
  release_interrupts();
  write_file(options_.out, bytes.data(), bytes.size());

  // What counts is what was written: read it back, hold it to what was meant, evaluate it.
  const Bytes read = read_file(options_.out);
  const Model decoded = decode(read, options_.out);
  bool same = decoded.definition == compressed.definition &&
              decoded.attributes == compressed.attributes &&
              decoded.tensors.size() == compressed.tensors.size();
  for (const auto& [name, tensor] : compressed.tensors) {
    const auto found = decoded.tensors.find(name);
    same = same && found != decoded.tensors.end() && found->second.shape() == tensor.shape() &&
           std::memcmp(found->second.raw(), tensor.raw(), tensor.bytes()) == 0;
  }
  check(same, Failure::mismatch, options_.out, ": decodes to another model than was encoded");
  const Evaluation tested = evaluate_model(decoded, splits_.test);

  const auto size = static_cast<std::int64_t>(read.size());
  const std::int64_t parameters = decoded.parameters();
  const double ratio = 4.0 * static_cast<double>(parameters) / static_cast<double>(size);
  std::cout << '\n'
            << compression_table(reports, size) << "\ntest error of the model as it was  "
            << percent(original_test_) << "\ntest error of the decoded file     "
            << percent(tested.metrics)
            << format_text(
                   "\n%lld bytes, %.1f times smaller than %lld parameters in float32\nmodel: ",
                   static_cast<long long>(size), ratio, static_cast<long long>(parameters))
            << options_.out << std::endl;
  if (options_.common.json) {
    Json layers = Json::array();
    for (const TensorReport& report : reports)
      layers.push_back({{"name", report.name},
                        {"elements", report.elements},
                        {"nonzeros", report.nonzeros},
                        {"clusters", report.clusters},
                        {"bytes", report.payload_bytes}});
    std::cout << Json{{"float_test_error", original_test_.error()},
                      {"test_error", tested.metrics.error()},
                      {"parameters", parameters},
                      {"bytes", size},
                      {"ratio", ratio},
                      {"layers", layers},
                      {"model", options_.out}}
                     .dump()
              << std::endl;
  }
  check(options_.max_error < 0 || tested.metrics.error() <= options_.max_error, Failure::bound,
        "test error ", tested.metrics.error(), " is above --max-error ", options_.max_error);
  check(options_.max_bytes <= 0 || size <= options_.max_bytes, Failure::bound, size,
        " bytes are more than --max-bytes ", options_.max_bytes);
  return 0;
}

int Compression::work() {
  check_writable(options_.out);
  catch_interrupts();
  const Model original = model_;
  original_test_ = evaluate_model(original, splits_.test).metrics;
  std::cout << options_.model << ": " << model_.parameters() << " parameters, precision "
            << model_.attribute("precision") << ", " << splits_.train.name << ", " << threads()
            << (threads() == 1 ? " thread" : " threads") << std::endl;

  Sgd sgd(network_.parameters(), {.weight_decay = static_cast<float>(options_.weight_decay)});
  // The last third trains under the final mask.
  const std::int64_t falling = std::max<std::int64_t>(1, options_.prune_epochs * 2 / 3);
  retrain("prune", sgd, options_.prune_rate, options_.prune_epochs, [&](std::int64_t epoch) {
    prune_to(std::min(1.0, static_cast<double>(epoch + 1) / static_cast<double>(falling)));
  });
  if (options_.prune_epochs == 0) prune_to(1);
  if (const int folded = options_.keep_batch_norm ? 0 : fold_network(network_, model_.attributes))
    std::cout << "folded " << folded << " batch norms into the layers before them" << std::endl;
  share_all();
  // Adam's step does not depend on how many weights share a centroid, and the sums over a cluster
  // grow with that number.
  Adam adam(network_.parameters(), {});
  retrain("share", adam, options_.share_rate, options_.share_epochs, {});
  return finish(original);
}

}  // namespace

void add_compress(CLI::App& program, Work& work) {
  CLI::App& verb = *program.add_subcommand(
      "compress", "prune, share weights, entropy-code; evaluates the file it wrote");
  const auto options = std::make_shared<CompressOptions>();
  CompressOptions& o = *options;
  verb.add_option("MODEL", o.model, "model file of octet train")->required();
  add_data_options(verb, o.data);
  verb.add_option("--prune", o.prune,
                  "share of weights to remove, spread so that small layers keep more; or by layer, "
                  "conv1=0.34,fc*=0.92")
      ->capture_default_str();
  verb.add_option("--bits", o.bits,
                  "2^bits shared values a layer, zero among them: 5, or conv*=8,fc1=5,6")
      ->capture_default_str();
  verb.add_option("--centroids", o.centroids, "where k-means begins: linear, density or forgy")
      ->check(CLI::IsMember({"linear", "density", "forgy"}))
      ->capture_default_str();
  verb.add_flag("--keep-batch-norm,!--fold-batch-norm", o.keep_batch_norm,
                "share weights without folding batch norms into the layers before them first");
  verb.add_option("--coder", o.coder,
                  "entropy coder: huffman (the paper's), arithmetic (adaptive, under contexts) or, "
                  "layer by layer, the best")
      ->check(CLI::IsMember({"best", "huffman", "arithmetic"}))
      ->capture_default_str();
  verb.add_option("--prune-epochs", o.prune_epochs, "epochs of training while weights are removed")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  verb.add_option("--share-epochs", o.share_epochs, "epochs of training the shared weights")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  verb.add_option("--batch", o.batch, "pictures a step")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  verb.add_option("--prune-lr", o.prune_rate, "learning rate while pruning (SGD, cosine)")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  verb.add_option("--share-lr", o.share_rate, "learning rate of shared weights (Adam, cosine)")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  verb.add_option("--weight-decay", o.weight_decay, "L2 penalty while pruning")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  add_augment_option(verb, o.augment);
  verb.add_option("--validation", o.validation,
                  "share of the training pictures held out, to watch the error on")
      ->check(CLI::Range(0.0, 0.5))
      ->capture_default_str();
  verb.add_option("--index-bits", o.index_bits,
                  "bits of a relative index before Huffman coding, 1 to 8; 0 takes the best for "
                  "each layer")
      ->check(CLI::Range(0, 8))
      ->capture_default_str();
  verb.add_option("--max-error", o.max_error,
                  "exit with 3 when the file's test error is above this fraction");
  verb.add_option("--max-bytes", o.max_bytes, "exit with 3 when the file is larger");
  verb.add_option("--out", o.out, "the file to write; MODEL's name with -compressed unless given");
  add_common_options(verb, o.common);
  verb.footer(
      "Examples:\n"
      "  octet compress runs/strokes-lenet5-int8/last.octet --data strokes\n"
      "  octet compress lenet5.octet --data mnist --prune conv1=0.34,conv2=0.88,fc1=0.92,fc2=0.81 "
      "--bits conv*=8,fc*=5\n"
      "  octet compress lenet5.octet --data mnist --max-error 0.01 --out small.octet");
  verb.callback([&work, options] {
    work = [options] {
      use_threads(options->common);
      if (options->out.empty()) {
        const std::filesystem::path path(options->model);
        options->out = (path.parent_path() / (path.stem().string() + "-compressed.octet")).string();
      }
      std::error_code error;
      check(!std::filesystem::equivalent(options->out, options->model, error), Failure::usage,
            options->out, ": --out is the model itself, which would be lost");
      return Compression(*options).work();
    };
  });
}

}  // namespace octet::cli
