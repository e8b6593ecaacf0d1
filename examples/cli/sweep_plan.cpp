#include "examples/cli/sweep_plan.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <sstream>

#include "examples/cli/sweep_plot.h"
#include "examples/cli/training_job.h"
#include "examples/networks/networks.h"
#include "framework/check.h"
#include "framework/files.h"
#include "framework/text.h"

namespace octet::cli {
namespace {

namespace fs = std::filesystem;

// The verb's options without the verb's work.
struct TrainVerb {
  TrainVerb() {
    program.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    verb = program.add_subcommand("train");
    add_train_options(*verb, options);
  }
  void parse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "train");
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    try {
      program.parse(arguments);
    } catch (const CLI::ParseError& error) {
      std::string line = error.what();
      std::replace(line.begin(), line.end(), '\n', ' ');
      fail(Failure::usage, line);
    }
  }
  CLI::App program{"", "octet"};
  CLI::App* verb;
  TrainOptions options;
};

void check_model(const std::string& model) {
  if (in_zoo(model) || !fs::is_regular_file(model)) {
    zoo_network(model, {32, 32, 3}, 10);
  } else {
    const Bytes text = read_file(model, 1 << 20);
    parse_definition({reinterpret_cast<const char*>(text.data()), text.size()}, model, 10);
  }
}

// Numbers that are spelled in two ways are one value.
std::string canonical(const std::string& value) {
  double number = 0;
  const char* const end = value.data() + value.size();
  const auto [last, failure] = std::from_chars(value.data(), end, number);
  if (failure != std::errc() || last != end) return value;
  return shortest(number);
}

// One option with the values that it takes.
struct Axis {
  std::string name;
  int line;
  std::vector<std::string> values;
};

// A set of fixed options: name -> value, in the order of the file.
using Options = std::vector<std::pair<std::string, std::string>>;

class Planner {
 public:
  explicit Planner(const std::string& file) { plan_.file = file; }
  SweepPlan read();

 private:
  template <class... Parts>
  [[noreturn]] void refuse(int line, const Parts&... parts) const {
    fail(Failure::usage, plan_.file, ":", line, ": ", parts...);
  }
  // Errors of `body` get the line in front.
  template <class Body>
  void at_line(int line, const Body& body) const {
    try {
      body();
    } catch (const Error& error) {
      fail(error.kind, plan_.file, ":", line, ": ", error.what());
    }
  }

  void take_table(const toml::Table& table);
  void take_grid(const toml::Table& table);
  void take_plot(const toml::Table& table);
  std::string option_name(const toml::Entry& entry);
  void check_value(const toml::Entry& entry, const std::string& name, const toml::Scalar& value);
  std::vector<std::uint64_t> read_seeds(const toml::Entry& entry);
  void find_axes();
  void add_runs();
  void add_run(const Options& options, const std::string& name, std::optional<std::uint64_t> seed);
  void check_plot();

  struct Entry {
    Options options;
    std::string name;
    std::vector<std::uint64_t> seeds;
    int line = 0;
  };
  SweepPlan plan_;
  Entry common_;
  std::vector<Entry> entries_;
  std::vector<Axis> grid_;
  std::map<std::string, std::string> known_;  // configuration -> the run that has it
  std::map<std::string, std::string> file_hashes_;
  int plot_line_ = 0;
};

SweepPlan Planner::read() {
  check(fs::is_regular_file(plan_.file), Failure::usage, plan_.file, ": no such sweep file");
  const Bytes bytes = read_file(plan_.file, 1 << 20);
  plan_.text.assign(bytes.begin(), bytes.end());
  for (const toml::Table& table : toml::parse(plan_.text, plan_.file)) {
    if (table.name.empty() || (table.name == "runs" && table.element)) {
      take_table(table);
    } else if (table.name == "grid" && !table.element) {
      take_grid(table);
    } else if (table.name == "plot" && !table.element) {
      take_plot(table);
    } else {
      refuse(table.line, "expected [grid], [[runs]] or [plot], got ", table.element ? "[[" : "[",
             table.name, table.element ? "]]" : "]");
    }
  }
  for (const Axis& axis : grid_)
    for (const Entry& entry : entries_)
      for (const auto& [name, value] : entry.options)
        if (name == axis.name)
          refuse(axis.line, name, ": is an option of [[runs]] in line ", entry.line, " already");
  find_axes();
  add_runs();
  if (plan_.plot) at_line(plot_line_, [&] { resolve_plot(plan_); });
  return std::move(plan_);
}

// An option of octet train, without dashes in front.
std::string Planner::option_name(const toml::Entry& entry) {
  const std::string name = with_dashes("--" + entry.key);
  check_known(*TrainVerb().verb, name, join(plan_.file, ":", entry.line, ": "));
  for (const char* own : {"--out", "--resume", "--json", "--help"})
    if (name == own) refuse(entry.line, entry.key, ": is octet sweep's own in every run");
  return name.substr(2);
}

void Planner::check_value(const toml::Entry& entry, const std::string& name,
                          const toml::Scalar& value) {
  at_line(entry.line, [&] {
    TrainVerb train;
    if (name == "config") {
      config_arguments(*train.verb, value.text);
    } else {
      train.parse({"--data=strokes", "--" + name + "=" + value.text});
      if (name == "precision") parse_precision(value.text);
      if (name == "model") check_model(value.text);
    }
  });
}

std::vector<std::uint64_t> Planner::read_seeds(const toml::Entry& entry) {
  std::vector<std::uint64_t> seeds;
  for (const toml::Scalar& value : entry.values) {
    std::uint64_t seed = 0;
    const char* const end = value.text.data() + value.text.size();
    const auto [last, failure] = std::from_chars(value.text.data(), end, seed);
    if (value.kind != toml::Kind::number || failure != std::errc() || last != end ||
        seed > (std::uint64_t{1} << 53))
      refuse(entry.line, entry.key, ": expected whole numbers, got '", value.text, "'");
    if (std::find(seeds.begin(), seeds.end(), seed) != seeds.end())
      refuse(entry.line, entry.key, ": ", seed, " is there twice");
    seeds.push_back(seed);
  }
  if (entry.array || entry.key == "seed") {
    if (seeds.empty()) refuse(entry.line, entry.key, ": expected at least one");
    return seeds;
  }
  const std::uint64_t count = seeds.at(0);
  if (count < 1 || count > 1000)
    refuse(entry.line, "seeds: expected 1 to 1000, or a list of seeds, got ", count);
  seeds.clear();
  for (std::uint64_t seed = 1; seed <= count; ++seed) seeds.push_back(seed);
  return seeds;
}

// The options before the first header, or of one [[runs]].
void Planner::take_table(const toml::Table& table) {
  Entry taken{.line = table.line};
  for (const toml::Entry& entry : table.entries) {
    if (entry.key == "seeds" || entry.key == "seed") {
      if (!taken.seeds.empty()) refuse(entry.line, "expected seed or seeds, got both");
      if (entry.key == "seed" && entry.array)
        refuse(entry.line, "seed: expected one number; a list is called seeds");
      taken.seeds = read_seeds(entry);
    } else if (table.element && entry.key == "name") {
      if (entry.array) refuse(entry.line, "name: expected one text");
      taken.name = entry.values[0].text;
    } else {
      const std::string name = option_name(entry);
      if (entry.array)
        refuse(entry.line, entry.key, ": expected one value; a list belongs into [grid]");
      check_value(entry, name, entry.values[0]);
      for (const auto& [other, value] : taken.options)
        if (other == name) refuse(entry.line, entry.key, ": is given twice");
      taken.options.emplace_back(name, entry.values[0].text);
    }
  }
  if (table.element) {
    entries_.push_back(std::move(taken));
  } else {
    common_ = std::move(taken);
  }
}

void Planner::take_grid(const toml::Table& table) {
  for (const toml::Entry& entry : table.entries) {
    if (entry.key == "seed" || entry.key == "seeds")
      refuse(entry.line, entry.key, ": belongs to the top of the file, as seeds = ...");
    Axis axis{option_name(entry), entry.line, {}};
    if (axis.name == "config") refuse(entry.line, "config: belongs to the top of the file");
    for (const auto& [name, value] : common_.options)
      if (name == axis.name)
        refuse(entry.line, entry.key, ": has the value ", value, " at the top of the file already");
    for (const Axis& other : grid_)
      if (other.name == axis.name) refuse(entry.line, entry.key, ": is given twice");
    if (entry.values.empty()) refuse(entry.line, entry.key, ": expected at least one value");
    for (const toml::Scalar& value : entry.values) {
      check_value(entry, axis.name, value);
      axis.values.push_back(value.text);
    }
    grid_.push_back(std::move(axis));
  }
}

void Planner::take_plot(const toml::Table& table) {
  plot_line_ = table.line;
  PlotPlan plot;
  for (const toml::Entry& entry : table.entries) {
    std::string key = entry.key;
    std::replace(key.begin(), key.end(), '-', '_');
    const auto expect = [&](toml::Kind kind, const char* what) {
      if (entry.array || entry.values[0].kind != kind)
        refuse(entry.line, entry.key, ": expected ", what);
      return entry.values[0].text;
    };
    if (key == "x") {
      plot.x = expect(toml::Kind::string, "an option, a figure, epoch or minutes");
    } else if (key == "y") {
      plot.y = expect(toml::Kind::string, "a figure");
    } else if (key == "title") {
      plot.title = expect(toml::Kind::string, "a text");
    } else if (key == "by") {
      for (const toml::Scalar& value : entry.values) plot.by.push_back(value.text);
    } else if (key == "log_x") {
      plot.log_x = expect(toml::Kind::boolean, "true or false") == "true";
    } else if (key == "log_y") {
      plot.log_y = expect(toml::Kind::boolean, "true or false") == "true";
    } else if (key == "format") {
      plot.format = expect(toml::Kind::string, "\"svg\" or \"png\"");
      if (plot.format != "svg" && plot.format != "png")
        refuse(entry.line, "format: expected \"svg\" or \"png\", got '", plot.format, "'");
    } else {
      refuse(entry.line, "unknown option ", entry.key, " of [plot]",
             nearest(key, {"x", "y", "by", "log_x", "log_y", "title", "format"}));
    }
  }
  plan_.plot = plot;
}

void Planner::find_axes() {
  const auto add = [&](const std::string& name) {
    if (std::find(plan_.axes.begin(), plan_.axes.end(), name) == plan_.axes.end())
      plan_.axes.push_back(name);
  };
  for (const Entry& entry : entries_)
    if (!entry.name.empty()) add("name");
  for (const Entry& entry : entries_)
    for (const auto& [name, value] : entry.options) add(name);
  for (const Axis& axis : grid_) add(axis.name);
}

void Planner::add_runs() {
  std::size_t combinations = 1;
  for (const Axis& axis : grid_) {
    combinations *= axis.values.size();
    if (combinations > 100000) refuse(axis.line, "expected at most 100000 runs");
  }
  if (entries_.empty()) entries_.emplace_back();
  for (const Entry& entry : entries_) {
    Options own = common_.options;
    for (const auto& option : entry.options) {
      std::erase_if(own, [&](const auto& other) { return other.first == option.first; });
      own.push_back(option);
    }
    const std::vector<std::uint64_t>& seeds = entry.seeds.empty() ? common_.seeds : entry.seeds;
    for (std::size_t i = 0; i < combinations; ++i) {
      Options options = own;
      std::size_t below = combinations;
      for (const Axis& axis : grid_) {
        below /= axis.values.size();
        options.emplace_back(axis.name, axis.values[i / below % axis.values.size()]);
      }
      if (seeds.empty()) add_run(options, entry.name, {});
      for (const std::uint64_t seed : seeds) add_run(options, entry.name, seed);
      ++plan_.settings;
    }
  }
}

void Planner::add_run(const Options& options, const std::string& name,
                      std::optional<std::uint64_t> seed) {
  RunPlan run{.setting = plan_.settings};
  TrainVerb train;
  for (const auto& [option, value] : options) {
    if (option != "config") {
      run.arguments.push_back("--" + option + "=" + value);
      continue;
    }
    // Before all others, which have the last word.
    const std::vector<std::string> from_file = config_arguments(*train.verb, value);
    run.arguments.insert(run.arguments.begin(), from_file.begin(), from_file.end());
  }
  if (seed) run.arguments.push_back("--seed=" + std::to_string(*seed));
  // What the folder and the terminal of a run are is the sweep's own.
  std::erase_if(run.arguments, [](const std::string& argument) {
    return argument.starts_with("--out=") || argument.starts_with("--json=");
  });
  try {
    train.parse(run.arguments);
    take_from_file(*train.verb, train.options);
    if (train.options.resume_from.empty()) check_model(train.options.model);
    check_together(train.options);
  } catch (const Error& error) {
    fail(error.kind, plan_.file, ": ", error.what());
  }
  run.options = train.options;
  run.seed = train.options.common.seed;
  std::map<std::string, std::string> values;
  std::istringstream lines(config_text(*train.verb));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t equals = line.find(" = ");
    if (line.starts_with("#") || equals == std::string::npos) continue;
    const std::string key = line.substr(0, equals);
    std::string value = line.substr(equals + 3);
    if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
    values[key] = value;
    // Threads that are not asked for are the sweep's to divide.
    const bool matters = key != "json" && key != "out" && key != "save-every" &&
                         (key != "threads" || train.verb->get_option("--threads")->count() > 0);
    if (matters) run.configuration += key + " = " + canonical(value) + "\n";
  }
  // A file that is written anew is another one.
  for (const std::string& file : {train.options.model, train.options.resume_from}) {
    if (file.empty() || in_zoo(file) || !fs::is_regular_file(file)) continue;
    std::string& hash = file_hashes_[file];
    if (hash.empty()) {
      const Bytes bytes = read_file(file);
      hash = sha256(bytes.data(), bytes.size());
    }
    run.configuration += "# " + file + " " + hash + "\n";
  }
  for (const std::string& axis : plan_.axes)
    run.values.push_back(axis == "name" ? name : values[axis]);
  const std::string description = describe(plan_, run);
  const auto [other, is_new] = known_.emplace(run.configuration, description);
  check(is_new, Failure::usage, plan_.file, ": two runs are the same: ", other->second, " and ",
        description);
  std::string slug;
  for (const std::string& value : run.values) slug += value.empty() ? "" : value + "-";
  slug = slug.substr(0, 60) + "seed" + std::to_string(run.seed);
  for (char& c : slug)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_') c = '-';
  if (slug[0] == '.') slug[0] = '-';
  run.id = slug + "-" + sha256(run.configuration.data(), run.configuration.size()).substr(0, 12);
  plan_.runs.push_back(std::move(run));
}

}  // namespace

SweepPlan read_plan(const std::string& file) { return Planner(file).read(); }

std::string describe(const SweepPlan& plan, const RunPlan& run) {
  std::string text;
  for (std::size_t i = 0; i < plan.axes.size(); ++i)
    if (!run.values[i].empty())
      text += (plan.axes[i] == "name" ? "" : plan.axes[i] + "=") + run.values[i] + " ";
  return text + "seed=" + std::to_string(run.seed);
}

}  // namespace octet::cli
