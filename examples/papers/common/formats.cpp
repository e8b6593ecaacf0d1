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

}  // namespace

double Outcome::mean() const { return statistics(errors).mean; }

double Outcome::mean_after(std::int64_t epochs) const {
  const auto found = after.find(epochs);
  return found == after.end() ? mean() : statistics(found->second).mean;
}

std::vector<Outcome> compare_formats(const std::string& definition, const Task& task,
                                     const std::vector<Variant>& variants, const Options& options,
                                     bool on_validation) {
  const auto classes = static_cast<std::int64_t>(task.train.classes.size());
  const Dataset& pictures = on_validation ? task.validation : task.test;
  std::size_t width = 0;
  for (const Variant& variant : variants) width = std::max(width, variant.name.size());
  std::cout << task.train.name << ": " << task.train.size() << " pictures, errors in % of "
            << pictures.size() << (on_validation ? " held out" : " test pictures") << '\n'
            << padded("formats", width) << "  paper   ours  seeds                epochs  minutes\n";
  std::vector<Outcome> outcomes;
  for (const Variant& variant : variants) {
    Outcome& now = outcomes.emplace_back(Outcome{.name = variant.name});
    const Precision precision = parse_precision(variant.precision);
    const cli::Stopwatch watch;
    for (int i = 0; i < options.seeds; ++i) {
      const std::uint64_t seed = options.seed + static_cast<std::uint64_t>(i);
      Network network = build_network(parse_definition(definition, "the paper's network", classes));
      set_precision(network, precision);
      network.initialize(seed);
      try {
        train(network, task, variant.how, seed, variant.name, [&](std::int64_t epoch) {
          if (!std::count(variant.milestones.begin(), variant.milestones.end(), epoch)) return;
          now.after[epoch].push_back(100 * measure(network, pictures, task.normalization).error());
          std::cout << "  " << variant.name << " after " << epoch
                    << " epochs: " << fixed(now.after[epoch].back(), 2) << std::endl;
        });
        now.errors.push_back(100 * measure(network, pictures, task.normalization).error());
      } catch (const Error& error) {
        if (error.kind != Failure::numbers) throw;
        ++now.diverged;
        now.errors.push_back(100.0 - 100.0 / static_cast<double>(classes));
      }
    }
    now.minutes = watch.seconds() / 60;
    std::string seeds;
    for (const double error : now.errors) seeds += (seeds.empty() ? "" : " ") + fixed(error, 2);
    if (now.diverged > 0) seeds += join(" (", now.diverged, " diverged)");
    const std::string paper = variant.paper ? fixed(*variant.paper, 2) : "-";
    std::cout << padded(variant.name, width) << "  "
              << std::string(5 - std::min<std::size_t>(5, paper.size()), ' ') << paper << "  "
              << std::string(5 - std::min<std::size_t>(5, fixed(now.mean(), 2).size()), ' ')
              << fixed(now.mean(), 2) << "  " << padded(seeds, 20) << ' '
              << cli::format_text("%6lld  %7.1f", static_cast<long long>(variant.how.epochs),
                                  now.minutes)
              << std::endl;
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
