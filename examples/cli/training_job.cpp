#include "examples/cli/training_job.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "examples/cli/precision_option.h"
#include "examples/networks/networks.h"
#include "framework/check.h"
#include "framework/files.h"
#include "layers/flow.h"
#include "layers/losses.h"
#include "layers/whitening.h"
#include "optim/adam.h"
#include "optim/sgd.h"

namespace octet::cli {
namespace {

namespace fs = std::filesystem;

Definition read_definition(const std::string& file, std::int64_t classes) {
  const Bytes text = read_file(file, 1 << 20);
  return parse_definition({reinterpret_cast<const char*>(text.data()), text.size()}, file, classes);
}

Definition find_definition(const TrainOptions& options, const Dataset& data) {
  const auto classes = static_cast<std::int64_t>(data.classes.size());
  if (in_zoo(options.model) || !fs::is_regular_file(options.model))
    return zoo_network(options.model, data.image, classes);
  return read_definition(options.model, classes);
}

// The shape that pictures must take: --input, what a definition file says, or as stored.
Shape wanted_input(const TrainOptions& options) {
  if (!options.input.empty()) {
    const Shape shape = parse_shape(options.input);
    check(shape.rank() == 3 && (shape[2] == 1 || shape[2] == 3), Failure::usage,
          "--input: expected HxWx1 or HxWx3, got ", options.input);
    return shape;
  }
  if (in_zoo(options.model) || !fs::is_regular_file(options.model)) return {};
  return read_definition(options.model, 0).input;
}

Shape usual_input(const TrainOptions& options) {
  for (const ZooEntry& entry : zoo())
    if (entry.name == options.model) return entry.usual_input;
  return {32, 32, 3};
}

std::unique_ptr<Optimizer> make_optimizer(const TrainOptions& options, Network& network) {
  const auto decay = static_cast<float>(options.weight_decay);
  if (options.optimizer == "adam")
    return std::make_unique<Adam>(network.parameters(), Adam::Options{.weight_decay = decay});
  return std::make_unique<Sgd>(network.parameters(),
                               Sgd::Options{.momentum = static_cast<float>(options.momentum),
                                            .weight_decay = decay,
                                            .nesterov = options.nesterov,
                                            .decay_biases = options.decay == "all"});
}

Normalization choose_normalization(const TrainOptions& options, const Dataset& data) {
  if (options.normalization == "measured") return measure_normalization(data);
  const auto channels = static_cast<std::size_t>(data.image[2]);
  const float half = options.normalization == "signed" ? 0.5f : 0.0f;
  return {std::vector<float>(channels, half), std::vector<float>(channels, half > 0 ? half : 1.0f)};
}

}  // namespace

void take_weights(Model model, Network& network) {
  const auto supply = [&](const std::string& name, const Tensor& tensor) {
    const auto found = model.tensors.find(name);
    if (found == model.tensors.end() || found->second.shape() != tensor.shape())
      model.tensors[name] = tensor;
  };
  for (const auto& [name, tensor] : network.state())
    if (name.ends_with("_range")) supply(name, *tensor);
  for (const Parameter* parameter : network.parameters())
    if (parameter->name.ends_with("_scales")) supply(parameter->name, parameter->value);
  network.restore(model);
  for (Parameter* parameter : network.parameters())
    for (const auto& constraint : parameter->constraints) constraint->project_value(*parameter);
}

bool in_zoo(const std::string& model) {
  return std::any_of(zoo().begin(), zoo().end(),
                     [&](const ZooEntry& entry) { return entry.name == model; });
}

TrainingJob::TrainingJob(const TrainOptions& given)
    : options(given),
      precision(choose_precision(ruled_precision(options), options.simulate_bfloat16)),
      loss(make_loss(options.loss, options.label_smoothing)) {
  check_together(options);
  const bool from_file = !options.resume_from.empty(), resumed = !options.resume.empty();
  Model origin;
  std::vector<TensorReport> reports;
  if (from_file)
    origin = open_model(resumed ? options.resume + "/last.octet" : options.resume_from, &reports);
  const Shape wanted =
      from_file && options.input.empty() ? origin.definition.input : wanted_input(options);
  splits = load_data(options.data, wanted, usual_input(options));
  Dataset& train = splits.train;
  if (from_file) check_classes(origin, train);
  network = build_network(from_file ? origin.definition : find_definition(options, train));
  check(network.input() == train.image, Failure::usage, "the network takes ",
        print(network.input()), ", the pictures of ", train.name, " are ", print(train.image));
  check(network.output().elements() == static_cast<std::int64_t>(train.classes.size()),
        Failure::usage, "the network gives ", network.output().elements(), " scores, ", train.name,
        " has ", train.classes.size(), " classes");
  codes_flow = set_precision(network, precision);
  network.initialize(options.common.seed);
  if (from_file) {
    take_weights(origin, network);
    if (!resumed && precision.master.is_float32() &&
        parse_precision(origin.attribute("precision")).master.is_float32())
      kept = keep_as_stored(network, reports);
  }
  const auto held =
      static_cast<std::int64_t>(options.validation * static_cast<double>(train.size()));
  if (held > 0) validation = octet::hold_out(train, held, options.common.seed);
  normalization = from_file ? normalization_of(origin) : choose_normalization(options, train);
  check(train.size() >= 1, Failure::data, train.name, ": no pictures left to train on");
  check(!options.drop_last || train.size() >= options.batch, Failure::usage,
        "--drop-last: ", train.name, " has ", train.size(),
        " pictures to train on, expected at least a batch of ", options.batch);
  if (!from_file && whitens(network)) {
    DataLoader pictures(train, {.batch = std::min<std::int64_t>(5000, train.size()),
                                .normalization = normalization});
    whiten(network, pictures.next()->images);
  }
  optimizer = make_optimizer(options, network);
  if (options.average_from > 0) average = std::make_unique<WeightAverage>(network.parameters());
  for (const Freeze& rule : freezes(options)) {
    const bool begins = rule.pattern.ends_with('*');
    const std::string word =
        begins ? rule.pattern.substr(0, rule.pattern.size() - 1) : rule.pattern;
    bool found = false;
    for (Parameter* parameter : network.parameters())
      if (begins ? parameter->name.starts_with(word) : parameter->name == word) {
        frozen_.push_back({parameter, parameter->rate, rule.epoch});
        found = true;
      }
    check(found, Failure::usage, "--freeze: network ", network.name(), " has no parameter called ",
          rule.pattern);
  }
  if (options.lookahead) {
    Lookahead::Values values;
    for (Parameter* parameter : network.parameters())
      values.emplace_back(parameter->name, &parameter->value);
    for (const auto& [name, tensor] : network.state())
      if (name.find(".running_") != std::string::npos) values.emplace_back(name, tensor);
    lookahead = std::make_unique<Lookahead>(std::move(values), Lookahead::Options{});
  }
  state.seed = options.common.seed;
  state.loss_scale = static_cast<float>(options.loss_scale);
}

std::vector<std::pair<std::string, Tensor*>> TrainingJob::memory() {
  std::vector<std::pair<std::string, Tensor*>> all;
  if (average) all = average->state();
  if (lookahead)
    for (const auto& value : lookahead->state()) all.push_back(value);
  return all;
}

void TrainingJob::after_step() {
  if (lookahead) {
    lookahead->after_step(state.step, schedule.steps);
    if (state.step == schedule.steps) lookahead->finish();
  }
  freeze();
}

void TrainingJob::freeze() {
  for (const Frozen& frozen : frozen_)
    frozen.parameter->rate = state.step >= frozen.step ? 0.0f : frozen.rate;
}

void TrainingJob::after_epoch(DataLoader& loader) {
  if (options.bn_batches > 0) reestimate_statistics(network, loader, options.bn_batches, state);
}

DataLoader TrainingJob::make_loader() const {
  return {splits.train,
          {.batch = options.batch,
           .shuffle = true,
           .drop_last = options.drop_last,
           .seed = options.common.seed,
           .normalization = normalization,
           .transform = find_transform(options.augment, splits.train)}};
}

std::int64_t TrainingJob::plan_steps(std::int64_t batches) {
  std::int64_t total = options.epochs * batches;
  if (options.max_steps > 0) total = std::min(total, options.max_steps);
  schedule = {.kind = parse_schedule(options.schedule),
              .base = static_cast<float>(options.learning_rate),
              .steps = total,
              .warmup_steps = std::llround(options.warmup * static_cast<double>(batches)),
              .factor = static_cast<float>(options.drop_factor),
              .floor = options.last_rate,
              .first = options.first_rate,
              .peak = options.peak,
              .drop_steps = {}};
  for (const double epoch : drop_epochs(options))
    schedule.drop_steps.push_back(std::llround(epoch * static_cast<double>(batches)));
  for (Frozen& frozen : frozen_)
    frozen.step = std::llround(frozen.epoch * static_cast<double>(batches));
  freeze();
  if (simulates_codes(precision.activations)) {
    state.observe_until = std::llround(options.observe_epochs * static_cast<double>(batches));
    state.freeze_from = total - std::llround(options.freeze_epochs * static_cast<double>(batches));
  }
  return total;
}

}  // namespace octet::cli
