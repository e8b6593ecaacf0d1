#include "examples/papers/common/formats.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cassert>
#include <cmath>

#include "examples/cli/session.h"
#include "examples/papers/common/claims.h"
#include "examples/papers/common/kept_results.h"
#include "framework/check.h"
#include "layers/build.h"
#include "quant/numbers/precision.h"

namespace octet::papers {
namespace {

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

// A row of the table.
std::string line(const Outcome& now, std::optional<double> figure, std::int64_t epochs,
                 std::size_t width) {
  std::string seeds;
  for (const double error : now.errors) seeds += (seeds.empty() ? "" : " ") + fixed(error, 2);
  if (now.diverged > 0) seeds += join(" (", now.diverged, " diverged)");
  return padded(now.name, width) +
         cli::format_text("  %5s  %5s  ", figure ? fixed(*figure, 2).c_str() : "-",
                          fixed(now.mean(), 2).c_str()) +
         padded(seeds, 20) +
         cli::format_text(" %6lld  %7.1f", static_cast<long long>(epochs), now.minutes);
}

// Weights and states by their names; what only `to` has, such as learned steps, stays as it is.
void copy_weights(const Network& from, Network& to) {
  const auto copy = [](const std::string& name, const Tensor& source, Tensor& target) {
    check(source.shape() == target.shape(), Failure::usage, name, ": cannot go on from shape ",
          print(source.shape()), " with shape ", print(target.shape()));
    std::copy_n(source.data<float>(), source.elements(), target.data<float>());
  };
  for (Parameter* target : to.parameters())
    for (const Parameter* source : from.parameters())
      if (source->name == target->name) copy(target->name, source->value, target->value);
  for (const auto& [name, target] : to.state())
    for (const auto& [other, source] : from.state())
      if (name == other) copy(name, *source, *target);
}

// All that decides what comes of a training: the order of its pictures depends on its name, too.
std::string describe(const std::string& definition, const std::string& name,
                     const std::string& precision, const Task& task, const FormatOptions& options,
                     const Training& how, std::uint64_t seed) {
  const std::string drawn = task.drawn ? join(" drawn under ", *task.drawn) : "";
  const std::string judges =
      options.validation_only ? " judged by those held out" : " judged by test pictures";
  std::string text = join(
      definition, name, ": precision ", precision, "; ", task.train.name, " ", task.train.size(),
      drawn, judges, "; epochs ", how.epochs, ", rate ", how.rate, ", decay ", how.weight_decay,
      ", ", how.rule == Training::Rule::adam ? "adam" : "sgd", ", momentum ", how.momentum, ", ",
      name_of(how.schedule), " floor ", how.floor, ", factor ", how.drop_factor, " at");
  for (const std::int64_t epoch : how.drop_epochs) text += join(' ', epoch);
  return text + join(", batch ", how.batch, ", ", how.loss, " times ", how.loss_scale,
                     how.transform ? ", pictures changed" : "", "; seed ", seed);
}

// The comparison that compare_formats makes.
class Comparison {
 public:
  Comparison(const std::string& definition, const Task& task, const FormatOptions& options)
      : definition_(definition), task_(task), options_(options), kept_(options.results) {}

  Outcome start(const Training& how) {
    Outcome now{.name = "start"};
    std::vector<Network> starts;
    std::vector<std::string> started;
    for (int i = 0; i < options_.common.seeds; ++i) {
      const std::string training = describe(now.name, "float32", how, i);
      Network network = new_network("float32", i);
      std::optional<Result> result = kept_.find(training);
      if (!result || !kept_.restore(training, network)) {
        result = train_once(network, {now.name, "float32", {}, how}, i);
        kept_.keep(training, network);
        kept_.add(training, *result);
      }
      add(now, *result);
      starts.push_back(std::move(network));
      started.push_back("goes on from " + training + "\n");
    }
    starts_ = std::move(starts);
    started_ = std::move(started);
    return now;
  }

  Outcome run(const Variant& variant) {
    Outcome now{.name = variant.name};
    for (int i = 0; i < options_.common.seeds; ++i) {
      const std::string training = describe(variant.name, variant.precision, variant.how, i);
      std::optional<Result> result = kept_.find(training);
      const bool measured =
          result && std::all_of(variant.milestones.begin(), variant.milestones.end(),
                                [&](std::int64_t epoch) {
                                  return epoch >= variant.how.epochs ||
                                         result->after.count(epoch) > 0;
                                });
      if (!measured) {
        Network network = new_network(variant.precision, i);
        result = train_once(network, variant, i);
        kept_.add(training, *result);
      }
      add(now, *result);
    }
    return now;
  }

 private:
  std::uint64_t seed(int i) const { return options_.common.seed + static_cast<std::uint64_t>(i); }
  std::int64_t classes() const { return static_cast<std::int64_t>(task_.train.classes.size()); }

  std::string describe(const std::string& name, const std::string& precision, const Training& how,
                       int i) const {
    const auto index = static_cast<std::size_t>(i);
    return (started_.empty() ? "" : started_[index]) +
           papers::describe(definition_, name, print(parse_precision(precision)), task_, options_,
                            how, seed(i));
  }

  Network new_network(const std::string& precision, int i) const {
    Network network =
        build_network(parse_definition(definition_, "the paper's network", classes()));
    set_precision(network, parse_precision(precision));
    network.initialize(seed(i));
    if (!starts_.empty()) copy_weights(starts_[static_cast<std::size_t>(i)], network);
    return network;
  }

  double error_of(Network& network) const {
    const Dataset& pictures = options_.validation_only ? task_.validation : task_.test;
    return 100 * measure(network, pictures, task_.normalization).error();
  }

  Result train_once(Network& network, const Variant& variant, int i) const {
    const cli::Stopwatch watch;
    Result result;
    try {
      train(network, task_, variant.how, seed(i), variant.name, [&](std::int64_t epoch) {
        if (!std::count(variant.milestones.begin(), variant.milestones.end(), epoch)) return;
        result.after[epoch] = error_of(network);
        std::cout << "  " << variant.name << " after " << epoch
                  << " epochs: " << fixed(result.after[epoch], 2) << std::endl;
      });
      result.error = error_of(network);
    } catch (const Error& error) {
      if (error.kind != Failure::numbers) throw;
      result.diverged = true;
      result.error = 100.0 - 100.0 / static_cast<double>(classes());
    }
    result.minutes = watch.seconds() / 60;
    return result;
  }

  static void add(Outcome& outcome, const Result& result) {
    outcome.errors.push_back(result.error);
    outcome.diverged += result.diverged;
    outcome.minutes += result.minutes;
    for (const auto& [epochs, error] : result.after) outcome.after[epochs].push_back(error);
  }

  const std::string& definition_;
  const Task& task_;
  const FormatOptions& options_;
  KeptResults kept_;
  std::vector<Network> starts_;       // by seed; empty unless the variants go on from them
  std::vector<std::string> started_;  // how each came about
};

}  // namespace

void add_options(CLI::App& program, FormatOptions& options) {
  add_options(program, options.common);
  program.add_flag("--validation-only", options.validation_only,
                   "leave the test pictures alone: for choosing");
  program
      .add_option("--only", options.only,
                  "formats to train, with commas between: claims on others are not made")
      ->delimiter(',');
  program.add_option(
      "--results", options.results,
      "folder where results are kept: those there are not made again, whatever version "
      "of the program they are from");
}

double Outcome::mean() const { return statistics(errors).mean; }

const Outcome* Outcomes::find(const std::string& name) const {
  const auto found =
      std::find_if(all_.begin(), all_.end(), [&](const Outcome& one) { return one.name == name; });
  return found == all_.end() ? nullptr : &*found;
}

std::optional<double> Outcomes::mean(const std::string& name) const {
  const Outcome* const one = find(name);
  return one ? std::optional(one->mean()) : std::nullopt;
}

std::optional<double> Outcomes::mean_after(const std::string& name, std::int64_t epochs) const {
  const Outcome* const one = find(name);
  if (!one) return {};
  const auto found = one->after.find(epochs);
  return found == one->after.end() ? one->mean() : statistics(found->second).mean;
}

std::optional<double> Outcomes::gap(const std::string& name, const std::string& base) const {
  const Outcome *const one = find(name), *const other = find(base);
  if (!one || !other) return {};
  if (one->diverged > 0 || other->diverged > 0) return std::nan("");
  return one->mean() - other->mean();
}

Outcomes compare_formats(const std::string& definition, const Task& task,
                         const std::vector<Variant>& variants, const FormatOptions& options,
                         const std::optional<Training>& before) {
  std::string names;
  for (const Variant& each : variants) {
    assert(each.name.find(',') == std::string::npos);  // --only has commas between names
    names += (names.empty() ? "" : ", ") + each.name;
  }
  for (const std::string& name : options.only)
    check(std::any_of(variants.begin(), variants.end(),
                      [&](const Variant& each) { return each.name == name; }),
          Failure::usage, "--only ", name, ": expected some of ", names);
  std::vector<Variant> trained;
  for (const Variant& each : variants)
    if (options.only.empty() || std::count(options.only.begin(), options.only.end(), each.name))
      trained.push_back(each);
  std::size_t width = 7;  // "formats"
  for (const Variant& variant : trained) width = std::max(width, variant.name.size());
  Comparison comparison(definition, task, options);
  std::cout << task.train.name << ": " << task.train.size() << " pictures, errors in % of "
            << (options.validation_only ? task.validation : task.test).size()
            << (options.validation_only ? " held out" : " test pictures") << '\n'
            << padded("formats", width) << "  paper   ours  seeds                epochs  minutes"
            << std::endl;
  if (before) std::cout << line(comparison.start(*before), {}, before->epochs, width) << std::endl;
  std::vector<Outcome> outcomes;
  for (const Variant& variant : trained) {
    outcomes.push_back(comparison.run(variant));
    std::cout << line(outcomes.back(), variant.paper, variant.how.epochs, width) << std::endl;
  }
  for (const Variant& variant : trained)
    std::cout << "  " << padded(variant.name, width) << "  "
              << print(parse_precision(variant.precision)) << '\n';
  return Outcomes(std::move(outcomes));
}

}  // namespace octet::papers
