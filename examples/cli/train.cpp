// octet train: data and a definition in, a run folder with a model out.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>

#include "examples/cli/checkpoint.h"
#include "examples/cli/interrupt.h"
#include "examples/cli/precision_option.h"
#include "examples/cli/run_folder.h"
#include "examples/cli/session.h"
#include "examples/networks/networks.h"
#include "framework/check.h"
#include "framework/code_paths.h"
#include "framework/files.h"
#include "framework/parallel.h"
#include "layers/losses.h"
#include "optim/adam.h"
#include "optim/schedules.h"
#include "optim/sgd.h"
#include "quant/compression/model_file.h"
#include "quant/numbers/recipes.h"

namespace octet::cli {
namespace {

namespace fs = std::filesystem;

struct TrainOptions {
  DataOptions data;
  CommonOptions common;
  std::string model = "lenet5";
  std::string precision = "int8";
  bool bfloat16_as_float32 = false;
  std::string input;
  std::int64_t epochs = 10;
  std::int64_t max_steps = 0;
  std::int64_t batch = 64;
  double learning_rate = 0.01;
  double momentum = 0.9;
  double weight_decay = 5e-4;
  std::string optimizer = "sgd";
  std::string schedule = "cosine";
  double warmup = 0;
  std::string loss = "cross-entropy";
  std::string augment = "auto";
  double validation = 0.05;
  std::string out;
  std::string resume;
  std::string config;  // resolved, to be written into the run folder
};

// A zoo network by name, else a definition file.
bool in_zoo(const std::string& model) {
  return std::any_of(zoo().begin(), zoo().end(),
                     [&](const ZooEntry& entry) { return entry.name == model; });
}

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
  return std::make_unique<Sgd>(
      network.parameters(),
      Sgd::Options{.momentum = static_cast<float>(options.momentum), .weight_decay = decay});
}

// One training run from its first line of output to its last.
class Run {
 public:
  explicit Run(const TrainOptions& options);
  int work();

 private:
  void begin();
  void train();
  void end_epoch(double epoch_seconds, std::int64_t epoch_images);
  void save(const char* file, bool with_optimizer);
  int finish();

  TrainOptions options_;
  Precision precision_;
  Splits splits_;
  Dataset validation_;
  Normalization normalization_;
  std::unique_ptr<Loss> loss_;
  Network network_;
  std::unique_ptr<Optimizer> optimizer_;
  Schedule schedule_;
  TrainingState state_;
  RunRecord record_;
  fs::path folder_;
  std::unique_ptr<MetricsFile> metrics_file_;
  double rate_ = 0, images_per_second_ = 0;
};

Run::Run(const TrainOptions& options)
    : options_(options),
      precision_(choose_precision(options.precision, options.bfloat16_as_float32)),
      splits_(load_data(options.data, wanted_input(options), usual_input(options))),
      loss_(make_loss(options.loss)) {
  if (options_.bfloat16_as_float32) options_.precision = print(precision_);
  Dataset& train = splits_.train;
  const Definition definition = find_definition(options_, train);
  network_ = build_network(definition);
  check(network_.input() == train.image, Failure::usage, "the network takes ",
        print(network_.input()), ", the pictures of ", train.name, " are ", print(train.image));
  check(network_.output().elements() == static_cast<std::int64_t>(train.classes.size()),
        Failure::usage, "the network gives ", network_.output().elements(), " scores, ", train.name,
        " has ", train.classes.size(), " classes");
  set_precision(network_, precision_);
  network_.initialize(options_.common.seed);
  const auto held =
      static_cast<std::int64_t>(options_.validation * static_cast<double>(train.size()));
  if (held > 0) validation_ = octet::hold_out(train, held, options_.common.seed);
  normalization_ = measure_normalization(train);
  check(train.size() >= 1, Failure::data, train.name, ": no pictures left to train on");
  optimizer_ = make_optimizer(options_, network_);
  state_.seed = options_.common.seed;
}

void Run::begin() {
  if (options_.resume.empty()) {
    std::string name = options_.model;
    if (!in_zoo(name)) name = fs::path(name).stem().string();
    folder_ = make_run_folder(
        options_.out,
        splits_.train.name + "-" + name + "-" +
            (options_.precision.find('=') == std::string::npos ? options_.precision : "custom"));
  } else {
    folder_ = options_.resume;
    const Model last = open_model((folder_ / "last.octet").string());
    check_classes(last, splits_.train);
    check(last.definition == network_.definition(), Failure::usage, folder_.string(),
          ": last.octet holds another network than --model asks for");
    restore_checkpoint(last, network_, *optimizer_, state_, record_);
  }
  write_file(folder_ / "config.toml", options_.config);
  metrics_file_ = std::make_unique<MetricsFile>(
      folder_ / "metrics.csv",
      "epoch,step,learning_rate,loss,error,validation_loss,validation_error,images_per_second,"
      "seconds,state_hash",
      state_.epoch);
  std::int64_t weights = 0;
  for (const Parameter* parameter : network_.parameters()) weights += parameter->value.elements();
  std::cout << format_text(
                   "%s: %lld pictures %s, %zu classes; %lld for validation, %lld for test\n",
                   splits_.train.name.c_str(), static_cast<long long>(splits_.train.size()),
                   print(splits_.train.image).c_str(), splits_.train.classes.size(),
                   static_cast<long long>(validation_.size()),
                   static_cast<long long>(splits_.test.size()))
            << format_text("%s: %lld parameters, precision ", network_.name().c_str(),
                           static_cast<long long>(weights))
            << print(precision_) << ", " << threads() << (threads() == 1 ? " thread" : " threads")
            << '\n';
  const bool w = precision_.weights.fits_int8_product(),
             a = precision_.activations.fits_int8_product(),
             e = precision_.errors.fits_int8_product();
  if ((a && w) || (e && w) || (a && e))
    std::cout << "integer products: " << products::describe_paths() << '\n';
  std::cout << "run folder: " << folder_.string();
  if (state_.step > 0)
    std::cout << format_text(", resumed after %lld steps", static_cast<long long>(state_.step));
  std::cout << "\n epoch      rate    loss   error  validation  images/s  state" << std::endl;
}

void Run::save(const char* file, bool with_optimizer) {
  Model model = network_.snapshot();
  describe(model, splits_.train, normalization_, precision_, options_.loss);
  if (with_optimizer) add_checkpoint(model, *optimizer_, state_, record_);
  write_model(folder_ / file, model);
}

void Run::end_epoch(double epoch_seconds, std::int64_t epoch_images) {
  Metrics validated;
  if (validation_.size() > 0) {
    DataLoader loader(validation_, {.batch = 250, .normalization = normalization_});
    validated = evaluate(network_, *loss_, loader);
  }
  images_per_second_ = static_cast<double>(epoch_images) / std::max(epoch_seconds, 1e-9);
  const std::string hash = state_hash(network_, *optimizer_);
  const Metrics& m = state_.metrics;
  const std::int64_t epoch = state_.epoch + (state_.batch > 0 ? 1 : 0);
  std::cout << format_text("%6lld %9.6f %7.4f %6.2f%% ", static_cast<long long>(epoch), rate_,
                           m.loss(), 100 * m.error())
            << (validation_.size() > 0 ? format_text("%10.2f%%", 100 * validated.error())
                                       : std::string("          -"))
            << format_text(" %9.0f  ", images_per_second_) << hash << std::endl;
  metrics_file_->add(format_text("%lld,%lld,%.9g,%.6f,%.6f,%.6f,%.6f,%.1f,%.3f,%s",
                                 static_cast<long long>(epoch), static_cast<long long>(state_.step),
                                 rate_, m.loss(), m.error(), validated.loss(), validated.error(),
                                 images_per_second_, record_.seconds, hash.c_str()));
  const bool best =
      validation_.size() == 0 || record_.best_epoch == 0 || validated.error() < record_.best_error;
  if (best) {
    record_.best_error = validated.error();
    record_.best_epoch = epoch;
    save("best.octet", false);
  }
}

void Run::train() {
  DataLoader loader(splits_.train, {.batch = options_.batch,
                                    .shuffle = true,
                                    .seed = options_.common.seed,
                                    .normalization = normalization_,
                                    .transform = find_transform(options_.augment, splits_.train)});
  const std::int64_t per_epoch = loader.batches();
  std::int64_t total = options_.epochs * per_epoch;
  if (options_.max_steps > 0) total = std::min(total, options_.max_steps);
  schedule_ = {.kind = parse_schedule(options_.schedule),
               .base = static_cast<float>(options_.learning_rate),
               .steps = total,
               .warmup_steps = std::llround(options_.warmup * static_cast<double>(per_epoch))};
  check(state_.step < total, Failure::usage, state_.step,
        " steps are done already and the run has ", total,
        ": raise --epochs or --max-steps (0 for no limit) to go on");
  Progress progress;
  while (state_.step < total) {
    const Stopwatch watch;
    const double before = record_.seconds;
    const std::int64_t images_before = state_.metrics.images;
    // --max-steps can end a run within an epoch: the state then stays that of the open epoch.
    const bool whole = train_epoch(
        network_, *loss_, *optimizer_, loader,
        [&](std::int64_t step) { return static_cast<float>(rate_ = schedule_.rate(step)); }, state_,
        [&](const TrainingState& now) {
          progress.show(format_text("epoch %lld  loss %.4f", static_cast<long long>(now.epoch + 1),
                                    now.metrics.loss()),
                        static_cast<double>(now.batch) / static_cast<double>(per_epoch));
          return interrupt() == 0 && now.step < total;
        });
    record_.seconds = before + watch.seconds();
    progress.clear();
    if (whole || interrupt() == 0)
      end_epoch(watch.seconds(), state_.metrics.images - images_before);
    if (whole) state_.metrics = {};
    save("last.octet", true);
    if (interrupt() != 0)
      throw Interrupted{interrupt(), join(": saved after step ", state_.step, " in ",
                                          (folder_ / "last.octet").string(),
                                          "; octet train --resume ", folder_.string(), " goes on")};
  }
}

int Run::finish() {
  release_interrupts();  // all is saved
  DataLoader loader(splits_.test, {.batch = 250, .normalization = normalization_});
  const Metrics tested = evaluate(network_, *loss_, loader);
  const std::string hash = state_hash(network_, *optimizer_);
  const std::string model = (folder_ / "last.octet").string();
  if (record_.best_epoch > 0 && validation_.size() > 0)
    std::cout << format_text("best validation error %.2f %% after epoch %lld: %s\n",
                             100 * record_.best_error, static_cast<long long>(record_.best_epoch),
                             (folder_ / "best.octet").string().c_str());
  std::cout << "test error " << percent(tested)
            << format_text(" after %lld epochs, %.1f s of training, state ",
                           static_cast<long long>(state_.epoch), record_.seconds)
            << hash << "\nmodel: " << model << std::endl;
  if (options_.common.json)
    std::cout << Json{{"test_error", tested.error()}, {"epochs", state_.epoch},
                      {"seconds", record_.seconds},   {"images_per_second", images_per_second_},
                      {"state_hash", hash},           {"model", model}}
                     .dump()
              << std::endl;
  return 0;
}

int Run::work() {
  begin();
  catch_interrupts();
  if (options_.resume.empty()) save("last.octet", true);  // a full disk shows now, not later
  train();
  return finish();
}

}  // namespace

void add_train(CLI::App& program, Work& work) {
  CLI::App& verb = *program.add_subcommand("train", "train a network; makes a run folder");
  const auto options = std::make_shared<TrainOptions>();
  TrainOptions& o = *options;
  add_data_options(verb, o.data);
  std::string networks, names;
  for (const ZooEntry& entry : zoo()) networks += entry.name + ", ";
  for (const Recipe& recipe : recipes()) names += recipe.name + ", ";
  verb.add_option("--model", o.model, "network: " + networks + "or a definition file")
      ->capture_default_str();
  verb.add_option("--precision", o.precision,
                  "recipe: " + names + "or formats by role, W=...,A=...,E=...,G=...,M=...")
      ->capture_default_str();
  add_bfloat16_option(verb, o.bfloat16_as_float32);
  verb.add_option("--input", o.input, "HxWxC that pictures are brought to");
  verb.add_option("--epochs", o.epochs, "times over the training pictures")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  verb.add_option("--max-steps", o.max_steps,
                  "batches of the whole run, if fewer than --epochs gives; 0 for no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verb.add_option("--batch", o.batch, "pictures a step")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  verb.add_option("--lr", o.learning_rate, "learning rate that the schedule scales")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  verb.add_option("--momentum", o.momentum, "of sgd")
      ->check(CLI::Range(0.0, 0.9999))
      ->capture_default_str();
  verb.add_option("--weight-decay", o.weight_decay, "L2 penalty on weights")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  verb.add_option("--optimizer", o.optimizer, "sgd or adam")
      ->check(CLI::IsMember({"sgd", "adam"}))
      ->capture_default_str();
  verb.add_option("--schedule", o.schedule, "constant, step, inverse or cosine")
      ->check(CLI::IsMember({"constant", "step", "inverse", "cosine"}))
      ->capture_default_str();
  verb.add_option("--warmup", o.warmup, "epochs over which the learning rate rises")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  verb.add_option("--loss", o.loss, "cross-entropy or sum-of-squares")
      ->check(CLI::IsMember({"cross-entropy", "sum-of-squares"}))
      ->capture_default_str();
  add_augment_option(verb, o.augment);
  verb.add_option("--validation", o.validation,
                  "share of the training pictures held out; chooses best.octet")
      ->check(CLI::Range(0.0, 0.5))
      ->capture_default_str();
  verb.add_option("--out", o.out, "run folder; runs/DATA-MODEL-PRECISION unless given");
  verb.add_option("--resume", o.resume,
                  "go on with the run in this folder (the latest below runs/ unless named)");
  add_common_options(verb, o.common);
  verb.footer(
      "Examples:\n"
      "  octet train --data strokes\n"
      "  octet train --data mnist --model lenet5 --precision float32 --epochs 12\n"
      "  octet train --data my-pictures --model vgg7 --input 32x32x3 --skip-bad\n"
      "  octet train --resume runs/mnist-lenet5-int8");
  verb.callback([&verb, &work, options] {
    work = [&verb, options] {
      use_threads(options->common);
      options->config = config_text(verb);
      return Run(*options).work();
    };
  });
}

}  // namespace octet::cli
