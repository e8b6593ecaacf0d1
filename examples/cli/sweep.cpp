// octet sweep: one table from many trainings.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "examples/cli/interrupt.h"
#include "examples/cli/precision_option.h"
#include "examples/cli/sweep_plot.h"
#include "examples/cli/training_process.h"
#include "framework/check.h"
#include "framework/files.h"
#include "framework/parallel.h"

namespace octet::cli {
namespace {

namespace fs = std::filesystem;

constexpr int numbers_failed = static_cast<int>(Failure::numbers);

struct SweepOptions {
  std::string file, out;
  int jobs = 1, threads = 0;
  bool dry_run = false, table_only = false, retry = false, json = false;
};

// A training under way.
struct Job {
  std::size_t run;
  bool evaluates = false;  // all steps are done, the test error is found by octet eval
  std::unique_ptr<TrainingProcess> process;
};

class Sweep {
 public:
  explicit Sweep(const SweepOptions& options);
  int work();

 private:
  bool is_to_do(std::size_t run) const;
  void list() const;
  void train();
  std::unique_ptr<Job> start(std::size_t run);
  void end(const Job& job, const TrainingProcess::Ending& ending);
  void tell(std::size_t run, const std::string& what) const;
  int finish();

  SweepOptions options_;
  SweepPlan plan_;
  SweepFolder folder_;
  std::vector<Result> results_;
  int threads_each_ = 1;
  std::string plot_;
};

fs::path folder_of(const SweepOptions& options) {
  return options.out.empty() ? fs::path("sweeps") / fs::path(options.file).stem()
                             : fs::path(options.out);
}

SweepPlan plan_and_claim(const SweepOptions& options) {
  SweepPlan plan = read_plan(options.file);
  if (!options.dry_run) SweepFolder::claim(folder_of(options));
  return plan;
}

Sweep::Sweep(const SweepOptions& options)
    : options_(options), plan_(plan_and_claim(options)), folder_(folder_of(options)) {
  for (const RunPlan& run : plan_.runs) results_.push_back(folder_.result(run));
}

// A run that has diverged would do so again; other failures may be the machine's.
bool Sweep::is_to_do(std::size_t run) const {
  const Result& result = results_[run];
  if (result.status == Status::done) return false;
  return result.status != Status::failed || options_.retry || result.code != numbers_failed;
}

void Sweep::tell(std::size_t run, const std::string& what) const {
  const std::string total = std::to_string(plan_.runs.size());
  std::cout << format_text("run %*zu of %s  ", static_cast<int>(total.size()), run + 1,
                           total.c_str())
            << describe(plan_, plan_.runs[run]) << "  " << what << std::endl;
}

std::string outcome(const Result& result) {
  if (result.status == Status::failed) return join("failed (", result.code, "): ", result.reason);
  return format_text("test error %.2f %%, %.1f s, state ", 100 * result.figures.at("test_error"),
                     result.figures.contains("seconds") ? result.figures.at("seconds") : 0.0) +
         result.state_hash;
}

void Sweep::list() const {
  Json runs = Json::array();
  for (std::size_t i = 0; i < plan_.runs.size(); ++i) {
    const RunPlan& run = plan_.runs[i];
    const bool resumes = is_to_do(i) && folder_.can_resume(run);
    tell(i, !is_to_do(i) ? "kept: " + outcome(results_[i]) : resumes ? "to be resumed" : "to do");
    runs.push_back({{"run", i + 1},
                    {"name", describe(plan_, run)},
                    {"status", print(results_[i].status)},
                    {"arguments", run.arguments},
                    {"folder", folder_.run_folder(run).string()}});
  }
  if (options_.json) std::cout << Json{{"runs", runs}}.dump() << std::endl;
}

// Data that is not there is the same failure in every run: said once, before the first.
void check_data_is_there(const SweepPlan& plan) {
  std::set<std::string> seen;
  for (const RunPlan& run : plan.runs) {
    const std::string& name = run.options.data.data;
    if (!seen.insert(name).second || fs::is_directory(name)) continue;
    const std::vector<Listing> known = octet::list();
    if (std::none_of(known.begin(), known.end(), [&](const Listing& listing) {
          return listing.name == name && !listing.where.empty();
        }))
      load(name, {});  // says what was looked for where
  }
}

std::unique_ptr<Job> Sweep::start(std::size_t index) {
  const RunPlan& run = plan_.runs[index];
  const fs::path folder = folder_.run_folder(run);
  auto job = std::make_unique<Job>(index);
  std::vector<std::string> arguments;
  const bool diverged = results_[index].code == numbers_failed;
  if (!diverged && folder_.can_resume(run)) {
    job->evaluates = folder_.is_trained(run);
    std::error_code error;
    fs::remove(folder / "result.json", error);
    if (job->evaluates) {
      arguments = {"eval", (folder / "last.octet").string()};
      for (const std::string& argument : run.arguments)
        for (const char* name : {"--data", "--skip-bad", "--hold-out", "--split-seed",
                                 "--test-augmentation", "--simulate-bfloat16"})
          if (argument.starts_with(std::string(name) + "=")) arguments.push_back(argument);
    } else {
      arguments = {"train", "--resume=" + folder.string()};
      if (run.options.save_every > 0)
        arguments.push_back(join("--save-every=", run.options.save_every));
    }
  } else {
    folder_.clear(run);
    arguments = {"train"};
    arguments.insert(arguments.end(), run.arguments.begin(), run.arguments.end());
    arguments.push_back("--out=" + folder.string());
  }
  const bool own_threads =
      std::any_of(run.arguments.begin(), run.arguments.end(),
                  [](const std::string& argument) { return argument.starts_with("--threads="); });
  arguments.push_back(join("--threads=", own_threads ? run.options.common.threads : threads_each_));
  arguments.push_back("--json");
  job->process = std::make_unique<TrainingProcess>(arguments, folder_.log(run));
  return job;
}

void Sweep::end(const Job& job, const TrainingProcess::Ending& ending) {
  const RunPlan& run = plan_.runs[job.run];
  Result result;
  add_metrics(folder_.run_folder(run), result);
  // One that was asked to end, by the sweep or from outside, goes on another time.
  const bool stopped =
      ending.code == 130 || ending.code == 143 || (interrupt() != 0 && ending.code > 128);
  const bool answered = ending.figures.is_object() && ending.figures.contains("test_error");
  if (stopped) {
    results_[job.run] = folder_.result(run);
    tell(job.run, results_[job.run].status == Status::interrupted
                      ? "interrupted; it can go on"
                      : "interrupted before its first step");
    return;
  }
  result.status = ending.code == 0 && answered ? Status::done : Status::failed;
  if (result.status == Status::done) {
    result.figures["test_error"] = ending.figures["test_error"].get<double>();
    if (const auto averaged = ending.figures.find("averaged");
        averaged != ending.figures.end() && averaged->is_object())
      result.figures["averaged_test_error"] = averaged->at("test_error").get<double>();
    if (!job.evaluates) result.state_hash = ending.figures.value("state_hash", "");
  } else {
    result.code = ending.code;
    result.reason = ending.code == 0 ? "ended without a test error" : ending.reason;
  }
  folder_.keep(plan_, run, result);
  results_[job.run] = folder_.result(run);
  tell(job.run, outcome(results_[job.run]));
}

void Sweep::train() {
  std::vector<std::size_t> to_do;
  for (std::size_t i = 0; i < results_.size(); ++i) {
    if (is_to_do(i)) {
      to_do.push_back(i);
    } else {
      tell(i, "kept: " + outcome(results_[i]));
    }
  }
  if (to_do.empty()) return;
  check_data_is_there(plan_);
  for (const std::size_t run : to_do) {
    const TrainOptions& options = plan_.runs[run].options;
    if (!options.simulate_bfloat16) check_bfloat16(parse_precision(ruled_precision(options)));
  }
  const int total = options_.threads > 0 ? options_.threads : available_processors();
  const std::size_t jobs = std::min(static_cast<std::size_t>(options_.jobs), to_do.size());
  threads_each_ = std::max(1, total / static_cast<int>(jobs));
  catch_interrupts();
  std::vector<std::unique_ptr<Job>> working;
  Progress progress;
  bool passed_on = false;
  for (std::size_t next = 0, ended = 0; next < to_do.size() || !working.empty();) {
    if (interrupt() != 0) {
      if (!std::exchange(passed_on, true))
        for (const auto& job : working) job->process->interrupt(interrupt());
      next = to_do.size();
    }
    while (working.size() < jobs && next < to_do.size()) working.push_back(start(to_do[next++]));
    for (auto job = working.begin(); job != working.end();) {
      const auto ending = (*job)->process->ending();
      if (!ending) {
        ++job;
        continue;
      }
      progress.clear();
      end(**job, *ending);
      ++ended;
      job = working.erase(job);
      write_tables(plan_, folder_, results_);
    }
    progress.show(join(ended, " of ", to_do.size(), " trainings"),
                  static_cast<double>(ended) / static_cast<double>(to_do.size()));
    if (!working.empty()) usleep(20000);
  }
  progress.clear();
}

int Sweep::finish() {
  write_tables(plan_, folder_, results_);
  if (plan_.plot) plot_ = write_plot(plan_, folder_.path(), results_);
  const auto count = [&](Status status) {
    return std::count_if(results_.begin(), results_.end(),
                         [&](const Result& result) { return result.status == status; });
  };
  const auto done = count(Status::done), failed = count(Status::failed);
  std::cout << '\n'
            << table_markdown(plan_, results_) << '\n'
            << done << " of " << results_.size() << " runs done, " << failed << " failed; "
            << (folder_.path() / "table.csv").string() << ", table.md, table.json"
            << (plot_.empty() ? "" : ", plot." + plan_.plot->format) << std::endl;
  if (interrupt() != 0)
    throw Interrupted{interrupt(), join(": ", done, " of ", results_.size(),
                                        " runs are done; the same command goes on")};
  if (options_.json) {
    Json table = table_json(plan_, folder_, results_);
    table["table"] = (folder_.path() / "table.csv").string();
    if (!plot_.empty()) table["plot"] = plot_;
    std::cout << table.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  }
  const bool complete = done == static_cast<std::ptrdiff_t>(results_.size());
  return failed == 0 && (complete || options_.table_only) ? 0 : 1;
}

int Sweep::work() {
  if (options_.dry_run) {
    list();
    return 0;
  }
  write_file(folder_.path() / "sweep.toml", plan_.text);
  write_tables(plan_, folder_, results_);  // a full disk shows now, not later
  if (!options_.table_only) train();
  return finish();
}

}  // namespace

void add_sweep(CLI::App& program, Work& work) {
  CLI::App& verb = *program.add_subcommand("sweep", "one table from many trainings");
  const auto options = std::make_shared<SweepOptions>();
  verb.add_option("FILE", options->file, "TOML file that says what is trained")->required();
  verb.add_option("--out", options->out, "folder of the results; sweeps/FILE unless given");
  verb.add_option("--jobs", options->jobs, "trainings side by side")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  verb.add_option("--threads", options->threads,
                  "threads, divided among the jobs; 0 takes every processor there is")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  verb.add_flag("--dry-run", options->dry_run, "only list the runs");
  verb.add_flag("--table-only", options->table_only,
                "write table and plot again, from what is there");
  verb.add_flag("--retry", options->retry, "begin again what has diverged, too");
  verb.add_flag("--json", options->json, "print one JSON object as the last line of stdout");
  verb.footer(
      "FILE holds options of octet train as name = value: those of every run at the top, with\n"
      "seeds = 3 or a list; under [grid] lists, of which every combination is trained; under each\n"
      "[[runs]] those of one run. [plot] asks for a plot, by gnuplot: x (an option, a figure, or\n"
      "epoch or minutes for the course of the runs), y, by, log_x, log_y, title, format. What is\n"
      "done already is not repeated, what was interrupted goes on.\n"
      "Examples:\n"
      "  octet sweep examples/sweeps/recipes.toml --dry-run\n"
      "  octet sweep examples/sweeps/recipes.toml --jobs 2");
  verb.callback([&work, options] { work = [options] { return Sweep(*options).work(); }; });
}

}  // namespace octet::cli
