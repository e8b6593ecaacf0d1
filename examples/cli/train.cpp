// octet train: data and a definition in, a run folder with a model out.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "examples/cli/averaged_model.h"
#include "examples/cli/checkpoint.h"
#include "examples/cli/interrupt.h"
#include "examples/cli/run_folder.h"
#include "examples/cli/saturation.h"
#include "examples/cli/session.h"
#include "examples/cli/training_job.h"
#include "framework/check.h"
#include "framework/code_paths.h"
#include "framework/files.h"
#include "framework/parallel.h"
#include "quant/compression/model_file.h"

namespace octet::cli {
namespace {

namespace fs = std::filesystem;

// One training run from its first line of output to its last.
class Run {
 public:
  explicit Run(const TrainOptions& options) : job_(options) {}
  int work();

 private:
  void begin();
  void train();
  void add_hash();
  void end_epoch(double epoch_seconds, std::int64_t epoch_images);
  void save(const char* file, bool with_optimizer);
  Json finish_average();
  int finish();

  TrainingJob job_;
  RunRecord record_;
  fs::path folder_;
  std::unique_ptr<MetricsFile> metrics_file_, hashes_file_;
  SaturationWarnings warnings_;
  bool repeats_ = true;       // the options are those that the run was begun with
  std::int64_t hashed_ = -1;  // the step whose hash was written last
  double rate_ = 0, images_per_second_ = 0;
};

void Run::begin() {
  if (job_.options.resume.empty()) {
    std::string name = job_.options.model;
    if (!job_.options.resume_from.empty()) {
      name = job_.network.name();
    } else if (!in_zoo(name)) {
      name = fs::path(name).stem().string();
    }
    folder_ =
        make_run_folder(job_.options.out, job_.splits.train.name + "-" + name + "-" +
                                              (job_.options.precision.find('=') == std::string::npos
                                                   ? job_.options.precision
                                                   : "custom"));
  } else {
    folder_ = job_.options.resume;
    const Model last = open_model((folder_ / "last.octet").string());
    check_classes(last, job_.splits.train);
    check(last.definition == job_.network.definition(), Failure::usage, folder_.string(),
          ": last.octet holds another network than --model asks for");
    restore_checkpoint(last, job_.network, *job_.optimizer, job_.state, record_, job_.memory());
  }
  write_file(folder_ / "config.toml", job_.options.config);
  if (job_.options.resume.empty()) write_file(folder_ / begin_name, job_.options.config);
  // From where the schedule changed, the run is not what its beginning alone would make again.
  repeats_ = same_course(folder_);
  metrics_file_ = std::make_unique<MetricsFile>(
      folder_ / "metrics.csv",
      "epoch,step,learning_rate,loss,error,validation_loss,validation_error,images_per_second,"
      "seconds,state_hash" +
          saturation_columns(job_.network.take_saturation()),
      job_.state.epoch);
  hashes_file_ =
      std::make_unique<MetricsFile>(folder_ / hashes_name, hashes_header, job_.state.step);
  std::int64_t weights = 0;
  for (const Parameter* parameter : job_.network.parameters())
    weights += parameter->value.elements();
  std::cout << format_text(
                   "%s: %lld pictures %s, %zu classes; %lld for validation, %lld for test\n",
                   job_.splits.train.name.c_str(), static_cast<long long>(job_.splits.train.size()),
                   print(job_.splits.train.image).c_str(), job_.splits.train.classes.size(),
                   static_cast<long long>(job_.validation.size()),
                   static_cast<long long>(job_.splits.test.size()))
            << format_text("%s: %lld parameters, precision ", job_.network.name().c_str(),
                           static_cast<long long>(weights))
            << print(job_.precision) << ", " << threads()
            << (threads() == 1 ? " thread" : " threads") << '\n';
  const bool w = job_.precision.weights.fits_int8_product(),
             a = job_.precision.activations.fits_int8_product(),
             e = job_.precision.errors.fits_int8_product();
  if ((a && w) || (e && w) || (a && e))
    std::cout << "integer products: " << products::describe_paths()
              << "\nbetween layers: " << (job_.codes_flow ? "codes" : "float32") << '\n';
  if (!job_.options.resume_from.empty() && job_.options.resume.empty())
    std::cout << "from " << job_.options.resume_from << ": zeros of " << job_.kept.zeros
              << " and clusters of " << job_.kept.clusters << " tensors are kept\n";
  std::cout << "run folder: " << folder_.string();
  if (job_.state.step > 0)
    std::cout << format_text(", resumed after %lld steps", static_cast<long long>(job_.state.step));
  std::cout << "\n epoch      rate    loss   error  validation  images/s  state" << std::endl;
}

void Run::save(const char* file, bool with_optimizer) {
  Model model = job_.network.snapshot();
  describe(model, job_.splits.train, job_.normalization, job_.precision, job_.options.loss);
  if (with_optimizer) add_checkpoint(model, *job_.optimizer, job_.state, record_, job_.memory());
  write_model(folder_ / file, model);
}

void Run::add_hash() {
  if (!repeats_ || hashed_ == job_.state.step) return;
  hashed_ = job_.state.step;
  hashes_file_->add(format_text("%lld,", static_cast<long long>(job_.state.step)) +
                    state_hash(job_.network, *job_.optimizer));
}

void Run::end_epoch(double epoch_seconds, std::int64_t epoch_images) {
  Metrics validated;
  if (job_.validation.size() > 0) {
    DataLoader loader(job_.validation, {.batch = 250, .normalization = job_.normalization});
    validated = evaluate(job_.network, *job_.loss, loader);
  }
  images_per_second_ = static_cast<double>(epoch_images) / std::max(epoch_seconds, 1e-9);
  const std::string hash = state_hash(job_.network, *job_.optimizer);
  const Metrics& m = job_.state.metrics;
  const std::int64_t epoch = job_.state.epoch + (job_.state.batch > 0 ? 1 : 0);
  std::cout << format_text("%6lld %9.6f %7.4f %6.2f%% ", static_cast<long long>(epoch), rate_,
                           m.loss(), 100 * m.error())
            << (job_.validation.size() > 0 ? format_text("%10.2f%%", 100 * validated.error())
                                           : std::string("          -"))
            << format_text(" %9.0f  ", images_per_second_) << hash << std::endl;
  add_hash();
  const std::vector<Saturation> saturation = job_.network.take_saturation();
  metrics_file_->add(format_text("%lld,%lld,%.9g,%.6f,%.6f,%.6f,%.6f,%.1f,%.3f,%s",
                                 static_cast<long long>(epoch),
                                 static_cast<long long>(job_.state.step), rate_, m.loss(),
                                 m.error(), validated.loss(), validated.error(), images_per_second_,
                                 record_.seconds, hash.c_str()) +
                     saturation_values(saturation));
  warnings_.warn(saturation);
  const bool best = job_.validation.size() == 0 || record_.best_epoch == 0 ||
                    validated.error() < record_.best_error;
  if (best) {
    record_.best_error = validated.error();
    record_.best_epoch = epoch;
    save("best.octet", false);
  }
}

void Run::train() {
  DataLoader loader = job_.make_loader();
  const std::int64_t per_epoch = loader.batches(), total = job_.plan_steps(per_epoch);
  // A run that was stopped after its last step still wants its test.
  check(job_.state.step <= total, Failure::usage, job_.state.step,
        " steps are done already and the run has ", total,
        ": raise --epochs or --max-steps (0 for no limit) to go on");
  if (job_.state.step == total)
    std::cout << "all " << total
              << " steps are done: raise --epochs or --max-steps (0 for no limit) to train on\n";
  Progress progress;
  while (job_.state.step < total) {
    const Stopwatch watch;
    const double before = record_.seconds;
    const std::int64_t images_before = job_.state.metrics.images;
    // --max-steps can end a run within an epoch: the state then stays that of the open epoch.
    const bool whole = train_epoch(
        job_.network, *job_.loss, *job_.optimizer, loader,
        [&](std::int64_t step) { return static_cast<float>(rate_ = job_.schedule.rate(step)); },
        job_.state,
        [&](const TrainingState& now) {
          progress.show(format_text("epoch %lld  loss %.4f", static_cast<long long>(now.epoch + 1),
                                    now.metrics.loss()),
                        static_cast<double>(now.batch) / static_cast<double>(per_epoch));
          job_.after_step();
          if (hashed_step(now.step) && now.batch < per_epoch) add_hash();
          if (job_.options.save_every > 0 && now.step % job_.options.save_every == 0 &&
              now.batch < per_epoch) {
            record_.seconds = before + watch.seconds();
            save("last.octet", true);
          }
          return interrupt() == 0 && now.step < total;
        });
    if (whole) job_.after_epoch(loader);
    record_.seconds = before + watch.seconds();
    progress.clear();
    if (whole || interrupt() == 0)
      end_epoch(watch.seconds(), job_.state.metrics.images - images_before);
    if (whole) job_.state.metrics = {};
    if (whole && job_.average && job_.state.epoch >= job_.options.average_from) job_.average->add();
    save("last.octet", true);
    if (interrupt() != 0)
      throw Interrupted{interrupt(), join(": saved after step ", job_.state.step, " in ",
                                          (folder_ / "last.octet").string(),
                                          "; octet train --resume ", folder_.string(), " goes on")};
  }
}

// Writes and tests averaged.octet.
Json Run::finish_average() {
  const std::string file = (folder_ / "averaged.octet").string();
  const Model model = averaged_model(job_, *job_.average);
  write_model(file, model);
  const Metrics tested = evaluate_model(model, job_.splits.test).metrics;
  std::cout << "test error " << percent(tested) << " of the average over " << job_.average->count()
            << (job_.average->count() == 1 ? " epoch: " : " epochs: ") << file << '\n';
  return {{"test_error", tested.error()}, {"epochs", job_.average->count()}, {"model", file}};
}

int Run::finish() {
  release_interrupts();  // all is saved
  DataLoader loader(job_.splits.test, {.batch = 250, .normalization = job_.normalization});
  AugmentedForward forward(
      [&](const Tensor& images) -> const Tensor& { return job_.network.forward(images, {}); },
      parse_test_augmentation(job_.options.test_augmentation));
  const Metrics tested = evaluate(
      [&](const Tensor& images) -> const Tensor& { return forward(images); }, *job_.loss, loader);
  const std::string hash = state_hash(job_.network, *job_.optimizer);
  const std::string model = (folder_ / "last.octet").string();
  if (record_.best_epoch > 0 && job_.validation.size() > 0)
    std::cout << format_text("best validation error %.2f %% after epoch %lld: %s\n",
                             100 * record_.best_error, static_cast<long long>(record_.best_epoch),
                             (folder_ / "best.octet").string().c_str());
  const Json averaged = job_.average && job_.average->count() > 0 ? finish_average() : Json();
  // From reading the data to the test, of which record_.seconds has only the steps.
  const double process = process_seconds();
  const bool steps = job_.state.batch > 0;
  const std::int64_t count = steps ? job_.state.step : job_.state.epoch;
  const std::string after =
      join(" after ", count, steps ? " step" : " epoch", count == 1 ? "" : "s");
  std::cout << "test error " << percent(tested) << after
            << format_text(", %.1f s of training (whole process %.1f s), state ", record_.seconds,
                           process)
            << hash << "\nmodel: " << model << std::endl;
  if (job_.options.common.json)
    std::cout << Json{{"test_error", tested.error()}, {"epochs", job_.state.epoch},
                      {"steps", job_.state.step},     {"seconds", record_.seconds},
                      {"process_seconds", process},   {"images_per_second", images_per_second_},
                      {"state_hash", hash},           {"model", model},
                      {"averaged", averaged}}
                     .dump()
              << std::endl;
  return 0;
}

int Run::work() {
  begin();
  catch_interrupts();
  if (job_.options.resume.empty()) save("last.octet", true);  // a full disk shows now, not later
  train();
  return finish();
}

}  // namespace

void add_train(CLI::App& program, Work& work) {
  CLI::App& verb = *program.add_subcommand("train", "train a network; makes a run folder");
  const auto options = std::make_shared<TrainOptions>();
  add_train_options(verb, *options);
  verb.footer(
      "Examples:\n"
      "  octet train --data strokes\n"
      "  octet train --data mnist --model lenet5 --precision float32 --epochs 12\n"
      "  octet train --data my-pictures --model vgg7 --input 32x32x3 --skip-bad\n"
      "  octet train --resume runs/mnist-lenet5-int8\n"
      "  octet train --data mnist --resume-from small.octet --epochs 1 --lr 0.001\n"
      "The last goes on from a compressed file: pruned weights stay zero, shared ones stay "
      "shared.");
  verb.callback([&verb, &work, options] {
    work = [&verb, options] {
      use_threads(options->common);
      take_from_file(verb, *options);
      options->config = config_text(verb);
      return Run(*options).work();
    };
  });
}

}  // namespace octet::cli
