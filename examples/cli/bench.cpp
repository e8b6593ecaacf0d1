// octet bench: speed and memory of training and inference, ours beside the peers'. Contestants are
// processes that take turns, A B C A B C ..., so that whatever else the machine does hits all
// alike.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "examples/cli/bench_peers.h"
#include "examples/cli/bench_profile.h"
#include "examples/cli/contestant.h"
#include "examples/cli/interrupt.h"
#include "examples/cli/precision_option.h"
#include "examples/cli/session.h"
#include "examples/networks/networks.h"
#include "framework/check.h"
#include "framework/parallel.h"
#include "quant/numbers/recipes.h"

namespace octet::cli {
namespace {

struct BenchOptions {
  std::string work = "train,infer";
  std::string model = "vgg7";
  std::string precision = "float32,int8";
  bool simulate_bfloat16 = false;
  std::int64_t batch = 0;
  int threads = 0;
  int repeats = 7;
  double turn = 1;
  bool peers = false;
  std::string peer_script;
  bool profile = false;
  bool inference = false;
  bool json = false;
  std::string config;
};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream words(text);
  for (std::string part; std::getline(words, part, ',');)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

std::vector<std::string> works_of(const std::string& text) {
  const std::vector<std::string> works = split(text);
  for (const std::string& work : works)
    check(work == "train" || work == "infer", Failure::usage,
          "--work: expected train, infer or both, got '", work, "'");
  check(!works.empty(), Failure::usage, "--work: expected train, infer or both");
  return works;
}

std::vector<std::string> models_of(const std::string& text) {
  std::vector<std::string> models = split(text);
  if (text == "all") {
    models.clear();
    for (const ZooEntry& entry : zoo()) models.push_back(entry.name);
  }
  for (const std::string& model : models) zoo_network(model, {32, 32, 3}, 10);
  check(!models.empty(), Failure::usage, "--model: expected networks of the zoo, or all");
  return models;
}

// Formats by role hold commas of their own: neighbours that say ROLE=FORMAT are one precision.
std::vector<std::string> precisions_of(const std::string& text, bool simulate_bfloat16) {
  std::vector<std::string> all;
  if (text == "all") {
    for (const Recipe& recipe : recipes()) {
      if (!simulate_bfloat16 && lacks_bfloat16(recipe.precision)) {
        std::cerr << "octet: without " << recipe.name << ": the processor lacks its instructions\n";
      } else {
        all.push_back(recipe.name);
      }
    }
    return all;
  }
  for (const std::string& part : split(text)) {
    const auto by_role = [](const std::string& word) { return word.find('=') != word.npos; };
    if (!all.empty() && by_role(all.back()) && by_role(part)) {
      all.back() += "," + part;
    } else {
      all.push_back(part);
    }
  }
  for (const std::string& precision : all) choose_precision(precision, simulate_bfloat16);
  check(!all.empty(), Failure::usage, "--precision: expected recipes, or all");
  return all;
}

// One contestant and what it measured.
struct Entry {
  std::unique_ptr<Contestant> contestant;
  std::string name;  // the recipe, or the peer
  bool ours = false;
  std::int64_t steps = 1;     // of a turn
  std::vector<double> rates;  // images a second, by round
  std::int64_t peak_memory = 0;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

// Median of the ratios round by round: a round's two turns saw the same machine.
double ratio(const Entry& ours, const Entry& peer) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < ours.rates.size(); ++i)
    ratios.push_back(ours.rates[i] / peer.rates[i]);
  return median(ratios);
}

// Processes that wanted a processor in the last minute. Others' work slows the contestants
// unevenly: threads that spin while they wait (the peer's do) suffer more.
double load_average() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

class Bench {
 public:
  explicit Bench(const BenchOptions& options)
      : options_(options),
        works_(works_of(options.work)),
        models_(models_of(options.model)),
        precisions_(precisions_of(options.precision, options.simulate_bfloat16)) {
    set_threads(options.threads > 0 ? options.threads : available_processors());
    if (options.peers || !options.peer_script.empty()) peers_ = find_peers(options.peer_script);
    if (options.inference)
      for (Peer& peer : find_onnxruntime()) peers_.push_back(std::move(peer));
  }

  int work();
  int profile();

 private:
  WorkOptions work_options(const std::string& work, const std::string& model) const;
  std::vector<Entry> start(const WorkOptions& work);
  void warm_up(std::vector<Entry>& entries, const WorkOptions& work);
  void run(std::vector<Entry>& entries, const WorkOptions& work);
  void print_head() const;
  void print(const std::vector<Entry>& entries, const WorkOptions& work);
  void add_rows(const Entry& entry, const std::vector<Entry>& entries, const WorkOptions& work);

  BenchOptions options_;
  std::vector<std::string> works_, models_, precisions_;
  std::vector<Peer> peers_;
  ScratchFolder files_;  // of peers that take one
  Progress progress_;
  double load_ = load_average();
  std::set<std::string> notes_;  // printed already
  Json rows_ = Json::array();
};

WorkOptions Bench::work_options(const std::string& work, const std::string& model) const {
  const std::int64_t usual = model == "lenet5" ? 256 : 128;
  return {.work = work,
          .model = model,
          .precision = precisions_.front(),
          .simulate_bfloat16 = options_.simulate_bfloat16,
          .batch = options_.batch > 0 ? options_.batch : usual,
          .threads = threads()};
}

std::vector<Entry> Bench::start(const WorkOptions& work) {
  const std::string where = " (" + work.work + " " + work.model + ")";
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  std::vector<Entry> entries;
  const auto add = [&](const std::string& name, std::vector<std::string> command, bool ours) {
    for (const std::string& argument : work_arguments(work)) command.push_back(argument);
    entries.push_back({.contestant = std::make_unique<Contestant>(
                           (ours ? "octet " + name : name) + where, command),
                       .name = name,
                       .ours = ours});
  };
  for (const std::string& precision : precisions_)
    if (options_.simulate_bfloat16) {
      add(precision, {self, "bench-worker", "--precision", precision, "--simulate-bfloat16"}, true);
    } else {
      add(precision, {self, "bench-worker", "--precision", precision}, true);
    }
  for (const Peer& peer : peers_) add(peer.name, peer_command(peer, work, files_.path()), false);
  return entries;
}

// Brings every contestant to speed and finds how many steps make a turn.
void Bench::warm_up(std::vector<Entry>& entries, const WorkOptions& work) {
  for (auto entry = entries.begin(); entry != entries.end();) {
    progress_.show(entry->contestant->name() + " warms up", 0);
    try {
      entry->contestant->steps(1);
      std::int64_t steps = 1;
      double seconds = entry->contestant->steps(steps);
      while (seconds < options_.turn / 10 && steps < (1 << 20))
        seconds = entry->contestant->steps(steps *= 4);
      entry->steps = std::max<std::int64_t>(
          1, std::llround(static_cast<double>(steps) * options_.turn / seconds));
      ++entry;
    } catch (const Declined& declined) {
      progress_.clear();
      std::cerr << "octet: without " << entry->name << " (" << work.work << " " << work.model
                << "): " << declined.reason << '\n';
      entry = entries.erase(entry);
    }
  }
}

void Bench::run(std::vector<Entry>& entries, const WorkOptions& work) {
  for (int round = 0; round < options_.repeats; ++round)
    for (Entry& entry : entries) {
      progress_.show(entry.contestant->name(), static_cast<double>(round) / options_.repeats);
      const double seconds = entry.contestant->steps(entry.steps);
      entry.rates.push_back(static_cast<double>(entry.steps * work.batch) / seconds);
    }
  progress_.clear();
  for (Entry& entry : entries) {
    entry.peak_memory = entry.contestant->quit();
    const std::string note = entry.contestant->last_words();
    if (note.starts_with("note: ") && notes_.insert(entry.name + note).second)
      std::cerr << "octet: " << entry.name << ": " << note.substr(6) << '\n';
  }
}

void Bench::print_head() const {
  std::cout << format_text(
                   "%d threads, %d rounds of about %g s; median, least..most; load %.1f on %d "
                   "processors before\n",
                   threads(), options_.repeats, options_.turn, load_, available_processors())
            << "work   model        batch  recipe                     images/s               "
               "spread   peak MiB";
  for (const Peer& peer : peers_) std::cout << "  / " << peer.name;
  std::cout << std::endl;
}

void Bench::print(const std::vector<Entry>& entries, const WorkOptions& work) {
  for (const Entry& entry : entries) {
    const auto [least, most] = std::minmax_element(entry.rates.begin(), entry.rates.end());
    std::cout << format_text("%-6s %-12s %5lld  %-23s %11.1f %20s %10.1f", work.work.c_str(),
                             work.model.c_str(), static_cast<long long>(work.batch),
                             entry.name.c_str(), median(entry.rates),
                             format_text("%.1f..%.1f", *least, *most).c_str(),
                             static_cast<double>(entry.peak_memory) / (1 << 20));
    for (const Peer& peer : peers_) {
      const auto found = std::find_if(entries.begin(), entries.end(),
                                      [&](const Entry& e) { return e.name == peer.name; });
      const int width = static_cast<int>(peer.name.size()) + 4;
      if (entry.ours && found != entries.end())
        std::cout << format_text("%*.2f", width, ratio(entry, *found));
    }
    std::cout << std::endl;
    if (entry.ours) add_rows(entry, entries, work);
  }
}

void Bench::add_rows(const Entry& entry, const std::vector<Entry>& entries,
                     const WorkOptions& work) {
  const auto [least, most] = std::minmax_element(entry.rates.begin(), entry.rates.end());
  const Json row = {{"work", work.work},
                    {"model", work.model},
                    {"recipe", entry.name},
                    {"batch", work.batch},
                    {"threads", work.threads},
                    {"images_per_second", median(entry.rates)},
                    {"images_per_second_least", *least},
                    {"images_per_second_most", *most},
                    {"peak_memory", entry.peak_memory}};
  bool alone = true;
  for (const Entry& peer : entries) {
    if (peer.ours) continue;
    alone = false;
    rows_.push_back(row);
    rows_.back()["peer"] = peer.name;
    rows_.back()["peer_images_per_second"] = median(peer.rates);
    rows_.back()["peer_peak_memory"] = peer.peak_memory;
    rows_.back()["ratio"] = ratio(entry, peer);
  }
  if (alone) rows_.push_back(row);
}

int Bench::work() {
  catch_interrupts();
  print_head();
  for (const std::string& work : works_)
    for (const std::string& model : models_) {
      const WorkOptions options = work_options(work, model);
      std::vector<Entry> entries = start(options);
      warm_up(entries, options);
      run(entries, options);
      print(entries, options);
    }
  if (options_.json) std::cout << Json{{"load", load_}, {"rows", rows_}}.dump() << std::endl;
  return 0;
}

int Bench::profile() {
  check(models_.size() == 1 && precisions_.size() == 1, Failure::usage,
        "--profile: expected one model and one recipe, got ", models_.size(), " and ",
        precisions_.size());
  profile_training(work_options("train", models_.front()), options_.repeats * options_.turn,
                   options_.json);
  return 0;
}

}  // namespace

void add_bench(CLI::App& program, Work& work) {
  CLI::App& verb =
      *program.add_subcommand("bench", "images a second and memory, ours and PyTorch's");
  const auto options = std::make_shared<BenchOptions>();
  BenchOptions& o = *options;
  std::string networks, names;
  for (const ZooEntry& entry : zoo()) networks += entry.name + ", ";
  for (const Recipe& recipe : recipes()) names += recipe.name + ", ";
  verb.add_option("--work", o.work, "train, infer, or both with a comma between")
      ->capture_default_str();
  verb.add_option("--model", o.model, "networks, with commas between: " + networks + "or all")
      ->capture_default_str();
  verb.add_option("--precision,--recipe", o.precision,
                  "recipes, with commas between: " + names + "or all; or formats by role")
      ->capture_default_str();
  add_bfloat16_option(verb, o.simulate_bfloat16);
  verb.add_option("--batch", o.batch, "images a step; 0 for 128, of lenet5 256")
      ->check(CLI::Range(0, 65536))
      ->capture_default_str();
  verb.add_option("--threads", o.threads, "threads; 0 takes every processor there is")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  verb.add_option("--repeats", o.repeats, "turns of each contestant")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  verb.add_option("--turn", o.turn, "seconds of a turn, about; at least one step")
      ->check(within(0.001, 600.0))
      ->capture_default_str();
  verb.add_flag("--peers", o.peers, "measure PyTorch too, in float32 and in bf16 autocast");
  verb.add_option("--peer-script", o.peer_script,
                  "script or program that measures the peer; implies --peers");
  verb.add_flag("--inference", o.inference,
                "inference in integers and in float32, beside ONNX Runtime where it is installed");
  verb.add_flag("--profile", o.profile,
                "instead, the time of one model's training by layer, for one recipe");
  verb.add_flag("--json", o.json, "print one JSON object as the last line of stdout");
  verb.add_option("--config", o.config, "TOML file with values for these options");
  verb.footer(
      "A training step is forward, loss, backward and optimiser; inference is forward alone. "
      "Every\n"
      "contestant is a process of its own and they take turns. A ratio is ours over the peer's,\n"
      "the median of the rounds.\n"
      "Examples:\n"
      "  octet bench --model vgg7,lenet5 --precision float32,int8 --peers\n"
      "  octet bench --model vgg7 --precision int8 --profile\n"
      "  octet bench --inference --model vgg7,resnet20 --batch 1");
  verb.callback([&work, options] {
    if (options->inference) {
      check(options->work == "train,infer" || options->work == "infer", Failure::usage,
            "--inference measures no --work ", options->work);
      options->work = "infer";
      if (options->precision == "float32,int8")
        options->precision = "integer-arithmetic-only,float32";
    }
    work = [options] {
      Bench bench(*options);
      return options->profile ? bench.profile() : bench.work();
    };
  });
}

}  // namespace octet::cli
