// Targets instead of knobs: trials, each of which prunes under surgery to a number of living
// weights, shares what is left at a price a bit, and fine-tunes; the number is what is searched
// for.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <numbers>

#include "examples/cli/compression.h"
#include "examples/cli/interrupt.h"
#include "framework/check.h"
#include "optim/adam.h"
#include "optim/sgd.h"
#include "quant/compression/constraints.h"
#include "quant/compression/importance.h"
#include "quant/compression/pruning.h"
#include "quant/compression/rate_distortion.h"
#include "quant/compression/surgery.h"

namespace octet::cli {
namespace {

// Of a trial's pruning, in shares of its steps: the living weights fall until `fallen`, and change
// places until `settled`.
constexpr double fallen = 0.5, settled = 0.8;
constexpr std::int64_t steps_a_cut = 50;
constexpr std::int64_t measured_batches = 400;
constexpr int most_halvings = 24, most_quarters = 4;

struct Trial {
  std::int64_t wanted = 0;  // living weights
  std::int64_t bytes = 0;
  Metrics validation;
  double seconds = 0;
  Model model;

  // One standard deviation of what so many pictures can tell.
  double doubt() const {
    const auto pictures = static_cast<double>(validation.images);
    const double error = std::max(validation.error(), 1 / pictures);
    return std::sqrt(error * (1 - error) / pictures);
  }
};

void prune_under_surgery(Compression& compression, std::int64_t wanted, double rate) {
  const CompressOptions& options = compression.options();
  const std::vector<Parameter*> parameters = compression.network().parameters();
  double all = 0;
  for (const Parameter* parameter : parameters)
    all += static_cast<double>(parameter->value.elements());
  const auto surgeries = begin_surgery(parameters);
  Sgd sgd(parameters, {.weight_decay = static_cast<float>(options.weight_decay)});
  compression.retrain(
      {.name = "prune",
       .optimizer = sgd,
       .rate = rate,
       .epochs = options.trial_epochs,
       .before_step =
           [&](std::int64_t step, std::int64_t steps) {
             const double progress = static_cast<double>(step) / static_cast<double>(steps);
             // Saliencies mean something once some gradients were seen.
             if (step % steps_a_cut != 0 || step < 2 * steps_a_cut || progress > settled) return;
             const double left = std::max(0.0, 1 - progress / fallen);
             const double living = static_cast<double>(wanted) *
                                   std::pow(all / static_cast<double>(wanted), left * left);
             keep_most_salient(parameters, surgeries, std::llround(living));
           },
       .warmup = true,
       .verbose = false});
  end_surgery(parameters);
}

// The values as they were before sharing, and their zeros pruned.
void unshare(const std::vector<Tensor>& values, const std::vector<Parameter*>& parameters) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    parameters[i]->value = values[i];
    std::erase_if(parameters[i]->constraints, [](const auto& constraint) {
      return std::dynamic_pointer_cast<SharedWeights>(constraint) != nullptr;
    });
    install_mask_from_zeros(*parameters[i]);
  }
}

// At the highest price, a bit of the file is worth as much as a bit of the labels' code, which is
// the loss over all pictures in units of ln 2: the shortest description of both (Rissanen 1978).
// Squared gradients at a good minimum promise too little loss, so it is halved until the loss on
// the pictures held out agrees; where it never does, sharing ends at no more than k-means costs.
void share_at_price(Compression& compression) {
  DataLoader loader = compression.training_loader();
  const std::vector<std::vector<float>> importance =
      measure_importance(compression.network(), compression.loss(), loader, measured_batches,
                         compression.options().common.seed);
  const std::vector<Parameter*> parameters = compression.network().parameters();
  std::vector<Tensor> values;
  for (const Parameter* parameter : parameters) values.push_back(parameter->value);
  const double most = compression.validate().loss() + compression.options().share_loss;
  double price = std::numbers::ln2 / static_cast<double>(compression.training_pictures());
  for (int i = 0; i < most_halvings; ++i, price /= 2) {
    if (i > 0) unshare(values, parameters);
    for (std::size_t p = 0; p < parameters.size(); ++p)
      share_by_price(*parameters[p], importance[p], {.price = price});
    if (compression.validate().loss() <= most) return;
  }
}

// Folded networks differ in the rates they bear, so one that diverges begins again at a quarter,
// and so do all trials after it.
void prune_at_a_rate_it_bears(Compression& compression, std::int64_t wanted, double& rate) {
  for (int i = 0;; ++i, rate /= 4) {
    compression.restart();
    // Before pruning: a filter that lost all its weights has no variance to divide by, and its
    // gradients would drown the others.
    compression.fold_batch_norms();
    try {
      return prune_under_surgery(compression, wanted, rate);
    } catch (const Error& error) {
      if (error.kind != Failure::numbers || i == most_quarters) throw;
      std::cerr << "octet: training diverged at a rate of " << rate << ", trying a quarter of it"
                << std::endl;
    }
  }
}

Trial attempt(Compression& compression, std::int64_t wanted, double& rate) {
  const CompressOptions& options = compression.options();
  const Stopwatch watch;
  prune_at_a_rate_it_bears(compression, wanted, rate);
  share_at_price(compression);
  Adam adam(compression.network().parameters(), {});
  compression.retrain({.name = "share",
                       .optimizer = adam,
                       .rate = options.share_rate,
                       .epochs = options.share_epochs,
                       .verbose = false});
  Trial trial{
      .wanted = wanted, .validation = compression.validate(), .model = compression.snapshot()};
  trial.bytes = static_cast<std::int64_t>(encode(trial.model, compression.encoding()).size());
  trial.seconds = watch.seconds();
  return trial;
}

class Search {
 public:
  explicit Search(Compression& compression)
      : compression_(compression), rate_(compression.options().trial_rate) {
    for (const Parameter* parameter : compression.network().parameters())
      all_ += parameter->value.elements();
  }

  /// The best of all trials.
  const Trial& run();

 private:
  bool fits(const Trial& trial) const;
  bool is_accurate(const Trial& trial) const;
  bool is_better(const Trial& trial, const Trial& best) const;
  void note(Trial trial);
  void write_table() const;

  Compression& compression_;
  std::int64_t all_ = 0;  // elements of the parameters
  double rate_;           // of pruning
  std::vector<Trial> trials_;
  std::size_t best_ = 0;
};

// By a standard deviation, so that what the search picks holds on pictures it has not seen.
bool Search::is_accurate(const Trial& trial) const {
  const double most = compression_.options().max_error;
  return most < 0 || trial.validation.error() + trial.doubt() <= most;
}

bool Search::fits(const Trial& trial) const {
  const std::int64_t most = compression_.options().max_bytes;
  return most <= 0 || trial.bytes <= most;
}

bool Search::is_better(const Trial& trial, const Trial& best) const {
  const auto met = [&](const Trial& one) { return int{is_accurate(one)} + int{fits(one)}; };
  if (met(trial) != met(best)) return met(trial) > met(best);
  // What is too large, or accurate enough under a bound on errors, gains by being smaller; all else
  // by being more accurate.
  const bool by_size =
      !fits(trial) || (compression_.options().max_error >= 0 && is_accurate(trial));
  return by_size ? trial.bytes < best.bytes : trial.validation.error() < best.validation.error();
}

void Search::note(Trial trial) {
  const std::string& out = compression_.options().out;
  trials_.push_back(std::move(trial));
  const Trial& last = trials_.back();
  if (trials_.size() == 1 || is_better(last, trials_[best_])) {
    if (trials_.size() > 1) trials_[best_].model = {};
    best_ = trials_.size() - 1;
  } else {
    trials_.back().model = {};
  }
  std::cout << format_text("trial %2lld  living %8lld  %8lld bytes  validation error ",
                           static_cast<long long>(trials_.size()),
                           static_cast<long long>(last.wanted), static_cast<long long>(last.bytes))
            << percent(last.validation) << format_text("  %5.0f s", last.seconds)
            << (best_ + 1 == trials_.size() ? "  best so far" : "") << std::endl;
  if (best_ + 1 == trials_.size()) write_model(out, trials_.back().model, compression_.encoding());
  write_table();
}

void Search::write_table() const {
  std::string text = "trial,living,bytes,ratio,validation_error,seconds,best\n";
  for (std::size_t i = 0; i < trials_.size(); ++i) {
    const Trial& trial = trials_[i];
    text += format_text("%zu,%lld,%lld,%.2f,%.6f,%.1f,%d\n", i + 1,
                        static_cast<long long>(trial.wanted), static_cast<long long>(trial.bytes),
                        4.0 * static_cast<double>(all_) / static_cast<double>(trial.bytes),
                        trial.validation.error(), trial.seconds, i == best_ ? 1 : 0);
  }
  write_file(compression_.options().out + ".trials.csv", text.data(), text.size());
}

// More weights cost bytes and save errors: halved or doubled until one trial lies on each side of
// the bound, then in the middle of the two nearest, on a logarithmic scale.
const Trial& Search::run() {
  const CompressOptions& options = compression_.options();
  const bool by_error = options.max_error >= 0;
  double low = 0, high = 0;  // too few living weights; enough, or too many bytes
  // A living weight takes some ten bits.
  double next = by_error ? static_cast<double>(all_) / 50
                         : std::min(static_cast<double>(all_),
                                    static_cast<double>(options.max_bytes) * 8 / 10);
  for (std::int64_t i = 0; i < options.trials; ++i) {
    const auto wanted = std::clamp<std::int64_t>(std::llround(next), 1, all_);
    try {
      note(attempt(compression_, wanted, rate_));
    } catch (const Interrupted& interrupted) {
      if (trials_.empty()) throw;
      throw Interrupted{interrupted.signal,
                        join(": ", options.out, " holds the best of ", trials_.size(), " trials")};
    }
    const bool enough = by_error ? is_accurate(trials_.back()) : !fits(trials_.back());
    (enough ? high : low) = static_cast<double>(wanted);
    if (low > 0 && high > 0)
      next = std::sqrt(low * high);
    else
      next = enough ? high / 2 : low * 2;
    if (next < 1 || (low > 0 && low >= static_cast<double>(all_))) break;
    if (low > 0 && high > 0 && high / low < 1.03) break;
  }
  return trials_[best_];
}

}  // namespace

void search_compression(const CompressOptions& options) {
  Compression compression(options);
  check(
      compression.validation_pictures() > 0, Failure::usage,
      "--validation: expected a share of the training pictures that is at least one of them, got ",
      options.validation);
  compression.begin();
  Search search(compression);
  const Trial& best = search.run();
  compression.finish(best.model);
}

}  // namespace octet::cli
