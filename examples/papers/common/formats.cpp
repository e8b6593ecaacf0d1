#include "examples/papers/common/formats.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "examples/cli/session.h"
#include "examples/papers/common/claims.h"
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

}  // namespace

double Outcome::mean() const { return statistics(errors).mean; }

double Outcome::mean_after(std::int64_t epochs) const {
  const auto found = after.find(epochs);
  return found == after.end() ? mean() : statistics(found->second).mean;
}

std::vector<Outcome> compare_formats(const std::string& definition, const Task& task,
                                     const std::vector<Variant>& variants, const Options& options,
                                     bool on_validation, const std::optional<Training>& before) {
  const auto classes = static_cast<std::int64_t>(task.train.classes.size());
  const Dataset& pictures = on_validation ? task.validation : task.test;
  const std::string start_name = "start";
  std::size_t width = before ? start_name.size() : 0;
  for (const Variant& variant : variants) width = std::max(width, variant.name.size());
  std::cout << task.train.name << ": " << task.train.size() << " pictures, errors in % of "
            << pictures.size() << (on_validation ? " held out" : " test pictures") << '\n'
            << padded("formats", width) << "  paper   ours  seeds                epochs  minutes\n";
  const auto seed_of = [&](int i) { return options.seed + static_cast<std::uint64_t>(i); };
  std::vector<Network> starts;  // by seed
  const auto new_network = [&](const std::string& precision, int i) {
    Network network = build_network(parse_definition(definition, "the paper's network", classes));
    set_precision(network, parse_precision(precision));
    network.initialize(seed_of(i));
    if (!starts.empty()) copy_weights(starts[static_cast<std::size_t>(i)], network);
    return network;
  };
  const auto error_of = [&](Network& network) {
    return 100 * measure(network, pictures, task.normalization).error();
  };
  if (before) {
    Outcome now{.name = start_name};
    const cli::Stopwatch watch;
    std::vector<Network> trained;
    for (int i = 0; i < options.seeds; ++i) {
      Network& network = trained.emplace_back(new_network("float32", i));
      train(network, task, *before, seed_of(i), start_name);
      now.errors.push_back(error_of(network));
    }
    starts = std::move(trained);
    now.minutes = watch.seconds() / 60;
    std::cout << line(now, {}, before->epochs, width) << std::endl;
  }
  std::vector<Outcome> outcomes;
  for (const Variant& variant : variants) {
    Outcome& now = outcomes.emplace_back(Outcome{.name = variant.name});
    const cli::Stopwatch watch;
    for (int i = 0; i < options.seeds; ++i) {
      Network network = new_network(variant.precision, i);
      try {
        train(network, task, variant.how, seed_of(i), variant.name, [&](std::int64_t epoch) {
          if (!std::count(variant.milestones.begin(), variant.milestones.end(), epoch)) return;
          now.after[epoch].push_back(error_of(network));
          std::cout << "  " << variant.name << " after " << epoch
                    << " epochs: " << fixed(now.after[epoch].back(), 2) << std::endl;
        });
        now.errors.push_back(error_of(network));
      } catch (const Error& error) {
        if (error.kind != Failure::numbers) throw;
        ++now.diverged;
        now.errors.push_back(100.0 - 100.0 / static_cast<double>(classes));
      }
    }
    now.minutes = watch.seconds() / 60;
    std::cout << line(now, variant.paper, variant.how.epochs, width) << std::endl;
  }
  for (const Variant& variant : variants)
    std::cout << "  " << padded(variant.name, width) << "  "
              << print(parse_precision(variant.precision)) << '\n';
  return outcomes;
}

const Outcome& outcome(const std::vector<Outcome>& all, const std::string& name) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Outcome& one) { return one.name == name; });
  assert(found != all.end());
  return *found;
}

double gap(const std::vector<Outcome>& all, const std::string& name, const std::string& base) {
  const Outcome &one = outcome(all, name), &other = outcome(all, base);
  if (one.diverged > 0 || other.diverged > 0) return std::nan("");
  return one.mean() - other.mean();
}

}  // namespace octet::papers
