#include "examples/cli/compression.h"

#include <algorithm>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>

#include "examples/cli/interrupt.h"
#include "examples/cli/kept_weights.h"
#include "examples/cli/precision_option.h"
#include "framework/check.h"
#include "framework/files.h"
#include "framework/parallel.h"
#include "layers/losses.h"
#include "optim/schedules.h"
#include "quant/compression/compression_table.h"

namespace octet::cli {
namespace {

// Before anything is written.
void stop_if_interrupted() {
  if (interrupt() != 0) throw Interrupted{interrupt(), ": nothing was written"};
}

}  // namespace

Compression::Compression(const CompressOptions& options)
    : options_(options), model_(open_model(options.model)) {
  splits_ = load_data(options.data, model_.definition.input, model_.definition.input);
  check_classes(model_, splits_.train);
  std::erase_if(model_.tensors,
                [](const auto& entry) { return entry.first.starts_with("optimizer."); });
  model_.attributes.erase("training");
  normalization_ = normalization_of(model_);
  loss_ = make_loss(model_.attribute("loss"));
  note_simulation(model_);
  const auto held =
      static_cast<std::int64_t>(options.validation * static_cast<double>(splits_.train.size()));
  if (held > 0) validation_ = octet::hold_out(splits_.train, held, options.common.seed);
  restart();
}

void Compression::restart() {
  network_ = build_network(model_);
  keep_zeros(network_);  // what was pruned before stays so
  state_ = {};
  state_.seed = options_.common.seed;
}

DataLoader Compression::training_loader() const {
  return {splits_.train,
          {.batch = options_.batch,
           .shuffle = true,
           .seed = options_.common.seed,
           .normalization = normalization_,
           .transform = find_transform(options_.augment, splits_.train)}};
}

void Compression::retrain(const Stage& stage) {
  DataLoader loader = training_loader();
  const std::int64_t steps = stage.epochs * loader.batches(), first = state_.step;
  const Schedule schedule{.kind = Schedule::Kind::cosine,
                          .base = static_cast<float>(stage.rate),
                          .steps = steps,
                          .warmup_steps = stage.warmup ? steps / 20 : 0,
                          .floor = 0.01};
  Progress progress;
  for (std::int64_t epoch = 0; epoch < stage.epochs; ++epoch) {
    state_.metrics = {};
    if (stage.before_step) stage.before_step(state_.step - first, steps);
    train_epoch(
        network_, *loss_, stage.optimizer, loader,
        [&](std::int64_t step) { return schedule.rate(step - first); }, state_,
        [&](const TrainingState& now) {
          progress.show(format_text("%s %lld/%lld", stage.name, static_cast<long long>(epoch + 1),
                                    static_cast<long long>(stage.epochs)),
                        static_cast<double>(now.batch) / static_cast<double>(loader.batches()));
          if (stage.before_step && now.batch < loader.batches())
            stage.before_step(now.step - first, steps);
          return interrupt() == 0;
        });
    progress.clear();
    stop_if_interrupted();
    if (stage.verbose)
      std::cout << format_text("%-8s epoch %2lld  loss %.4f  validation error ", stage.name,
                               static_cast<long long>(epoch + 1), state_.metrics.loss())
                << (validation_.size() > 0 ? percent(validate()) : "-") << std::endl;
  }
}

Metrics Compression::validate() {
  if (validation_.size() == 0) return {};
  DataLoader loader(validation_, {.batch = 250, .normalization = normalization_});
  return evaluate(network_, *loss_, loader);
}

void Compression::fold_batch_norms() {
  const int folded = options_.keep_batch_norm ? 0 : fold_network(network_, model_.attributes);
  if (folded > 0 && !told_of_folding_)
    std::cout << "folded " << folded << " batch norms into the layers before them" << std::endl;
  told_of_folding_ = true;
}

Model Compression::snapshot() const {
  Model model = network_.snapshot();
  model.attributes = model_.attributes;
  return model;
}

EncodeOptions Compression::encoding() const {
  EncodeOptions how{.index_bits = {}, .coder = parse_coder(options_.coder)};
  if (options_.index_bits > 0) how.index_bits = options_.index_bits;
  return how;
}

void Compression::begin() {
  check_writable(options_.out);
  catch_interrupts();
  original_test_ = evaluate_model(model_, splits_.test).metrics;
  std::cout << options_.model << ": " << model_.parameters() << " parameters, precision "
            << model_.attribute("precision") << ", " << splits_.train.name << ", " << threads()
            << (threads() == 1 ? " thread" : " threads") << std::endl;
}

void Compression::finish(const Model& compressed) {
  std::vector<TensorReport> reports;
  const Bytes bytes = encode(compressed, encoding(), &reports);
  stop_if_interrupted();
  release_interrupts();
  const Model decoded = write_checked(options_.out, bytes, compressed);
  const Evaluation tested = evaluate_model(decoded, splits_.test);

  const auto size = static_cast<std::int64_t>(bytes.size());
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
  std::string missed;
  if (options_.max_error >= 0 && tested.metrics.error() > options_.max_error)
    missed =
        join("test error ", tested.metrics.error(), " is above --max-error ", options_.max_error);
  if (options_.max_bytes > 0 && size > options_.max_bytes)
    missed += join(missed.empty() ? "" : ", and ", size, " bytes are more than --max-bytes ",
                   options_.max_bytes);
  check(missed.empty(), Failure::bound, missed);
}

}  // namespace octet::cli
