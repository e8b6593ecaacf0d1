#include "examples/cli/program.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "examples/cli/interrupt.h"
#include "examples/cli/run_folder.h"
#include "framework/check.h"
#include "framework/files.h"

namespace octet::cli {
namespace {

// Edits (insert, delete, replace) from a to b.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

std::vector<std::string> option_names(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

// OCTET_BATCH=32 is --batch=32. OCTET_DATA is where data sets are looked up, not --data.
std::vector<std::string> environment_arguments(const CLI::App& verb) {
  std::vector<std::string> arguments;
  for (const std::string& option : option_names(verb)) {
    if (option == "--data" || option == "--help" || option == "--config" || option == "--resume")
      continue;
    std::string variable = "OCTET_" + option.substr(2);
    for (char& c : variable) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
    if (const char* value = std::getenv(variable.c_str()))
      arguments.push_back(option + "=" + value);
  }
  return arguments;
}

// What may change when a run goes on; everything else is the run's own.
void check_resumable(const std::string& argument) {
  static const std::vector<std::string> changeable = {
      "--epochs",   "--max-steps",   "--lr",       "--schedule",     "--warmup",
      "--momentum", "--threads",     "--json",     "--weight-decay", "--save-every",
      "--drop-at",  "--drop-factor", "--last-rate"};
  if (!argument.starts_with("--")) return;
  const std::string name = argument.substr(0, argument.find('='));
  check(std::find(changeable.begin(), changeable.end(), name) != changeable.end(), Failure::usage,
        name,
        " cannot change when a run is resumed; --epochs, --max-steps, --lr, --schedule, --drop-at, "
        "--drop-factor, --last-rate, --warmup, --momentum, --weight-decay, --save-every, --threads "
        "and --json can");
}

// The folder that --resume names, or the latest; empty without --resume. Takes it out of `given`.
std::string take_resume(std::vector<std::string>& given) {
  const auto at = std::find_if(given.begin(), given.end(), [](const std::string& argument) {
    return argument == "--resume" || argument.starts_with("--resume=");
  });
  if (at == given.end()) return "";
  std::string folder = *at == "--resume" ? "" : at->substr(9);
  auto end = at + 1;
  if (folder.empty() && end != given.end() && !end->starts_with("-")) folder = *end++;
  given.erase(at, end);
  if (folder.empty()) folder = latest_run().string();
  check(std::filesystem::exists(folder + "/last.octet"), Failure::data, folder,
        ": expected a run folder with a last.octet to resume");
  return folder;
}

// Defaults < file < environment < command line: arguments in that order, the last one counts. A run
// that is resumed has the options it was begun with, whatever the environment says.
std::vector<std::string> expand(const CLI::App& verb, std::vector<std::string> given) {
  for (const std::string& argument : given) check_known(verb, argument, "");
  std::vector<std::string> all;
  if (const std::string folder = take_resume(given); !folder.empty()) {
    for (const std::string& argument : given) check_resumable(argument);
    all = config_arguments(verb, folder + "/config.toml");
    all.push_back("--resume=" + folder);
  } else {
    for (std::size_t i = 0; i < given.size(); ++i) {
      if (given[i].starts_with("--config=")) all = config_arguments(verb, given[i].substr(9));
      if (given[i] == "--config" && i + 1 < given.size())
        all = config_arguments(verb, given[i + 1]);
    }
    for (std::string& argument : environment_arguments(verb)) all.push_back(std::move(argument));
  }
  all.insert(all.end(), given.begin(), given.end());
  return all;
}

int parse_and_run(const std::vector<std::string>& arguments) {
  CLI::App program{"Trains, compresses and runs small image classifiers in integers.", "octet"};
  program.set_version_flag("-V,--version", std::string("octet ") + OCTET_VERSION);
  program.require_subcommand(1);
  program.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  program.footer(
      "A first result:\n"
      "  octet train --data strokes --model lenet5\n"
      "  octet compress runs/strokes-lenet5-int8/last.octet --data strokes\n"
      "`octet VERB --help` shows a verb's options with examples.");
  Work work;
  add_train(program, work);
  add_compress(program, work);
  add_quantize(program, work);
  add_scan(program, work);
  add_gradients(program, work);
  add_eval(program, work);
  add_predict(program, work);
  add_inspect(program, work);
  add_export(program, work);
  add_import(program, work);
  add_bench(program, work);
  add_bench_worker(program, work);
  add_data(program, work);
  add_verify(program, work);
  add_sweep(program, work);
  add_recipes(program, work);
  add_doctor(program, work);

  std::vector<std::string> all = arguments;
  std::transform(all.begin(), all.end(), all.begin(), with_dashes);
  if (!all.empty() && !all[0].starts_with("-")) {
    const CLI::App* chosen = &program;
    std::size_t words = 0;  // that name the verb: one, or two as in octet data list
    while (words < all.size() && !all[words].starts_with("-")) {
      std::vector<std::string> verbs;
      for (const CLI::App* verb : chosen->get_subcommands({})) verbs.push_back(verb->get_name());
      if (verbs.empty()) break;
      check(std::find(verbs.begin(), verbs.end(), all[words]) != verbs.end(), Failure::usage,
            "unknown verb ", all[words], nearest(all[words], verbs));
      chosen = chosen->get_subcommand_ptr(all[words++]).get();
    }
    const CLI::App& verb = *chosen;
    if (std::find(all.begin(), all.end(), "--help") == all.end() &&
        std::find(all.begin(), all.end(), "-h") == all.end()) {
      const auto options = all.begin() + static_cast<std::ptrdiff_t>(words);
      const std::vector<std::string> rest = expand(verb, {options, all.end()});
      all.resize(words);
      all.insert(all.end(), rest.begin(), rest.end());
    }
  } else if (!all.empty()) {
    check_known(program, all[0], "");
  }
  std::reverse(all.begin(), all.end());  // CLI11 takes them from the back
  try {
    program.parse(all);
  } catch (const CLI::Success& success) {  // --help, --version
    return program.exit(success);
  } catch (const CLI::ParseError& error) {
    if (arguments.empty()) {
      std::cerr << program.help();
      return static_cast<int>(Failure::usage);
    }
    std::string line = error.what();
    std::replace(line.begin(), line.end(), '\n', ' ');
    fail(Failure::usage, line);
  }
  return work();
}

}  // namespace

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t least = std::max<std::size_t>(2, word.size() / 2) + 1;
  for (const std::string& candidate : known)
    if (const std::size_t d = distance(word, candidate); d < least) {
      least = d;
      best = candidate;
    }
  return best.empty() ? "" : "; did you mean " + best + "?";
}

std::string with_dashes(std::string argument) {
  if (!argument.starts_with("--")) return argument;
  const auto end =
      argument.begin() + static_cast<std::ptrdiff_t>(std::min(argument.find('='), argument.size()));
  std::replace(argument.begin(), end, '_', '-');
  return argument;
}

CLI::Validator within(double least, double most) {
  return {[=](std::string& text) {
            double value = 0;
            if (CLI::detail::lexical_cast(text, value) && value >= least && value <= most)
              return std::string();
            return join("Value ", text, " not in range ", least, " to ", most);
          },
          join("FLOAT in [", least, " - ", most, "]")};
}

void check_known(const CLI::App& verb, const std::string& argument, const std::string& where) {
  if (!argument.starts_with("--") || argument == "--") return;
  const std::string name = argument.substr(0, argument.find('='));
  const std::vector<std::string> known = option_names(verb);
  check(std::find(known.begin(), known.end(), name) != known.end(), Failure::usage, where,
        "unknown option ", name, " of octet",
        verb.get_parent() ? " " + verb.get_name() : std::string(), nearest(name, known));
}

namespace {

// A file, or the name of one that comes with the program: examples/configs/NAME.toml of the source
// tree, or share/octet/configs/NAME.toml beside the program's folder.
std::string find_config(const std::string& given) {
  namespace fs = std::filesystem;
  if (fs::is_regular_file(given)) return given;
  std::vector<std::string> known;
  std::string name = given;
  std::replace(name.begin(), name.end(), '_', '-');
  if (given.find_first_of("/.") == std::string::npos) {
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    for (const fs::path& folder :
         {program.parent_path().parent_path() / "share/octet/configs", fs::path(OCTET_CONFIGS)}) {
      const fs::path file = folder / (name + ".toml");
      if (fs::is_regular_file(file)) return file.string();
      for (const auto& entry : fs::directory_iterator(folder, error))
        if (entry.path().extension() == ".toml") known.push_back(entry.path().stem().string());
      if (!known.empty()) break;
    }
  }
  std::sort(known.begin(), known.end());
  std::string names;
  for (const std::string& one : known) names += (names.empty() ? "" : ", ") + one;
  fail(Failure::usage, given, ": no such configuration file",
       known.empty() ? "" : ", nor one of these names: " + names + nearest(name, known));
}

}  // namespace

std::vector<std::string> config_arguments(const CLI::App& verb, const std::string& given) {
  const std::string path = find_config(given);
  const Bytes bytes = read_file(path, 1 << 20);
  std::istringstream text(std::string(bytes.begin(), bytes.end()));
  std::vector<CLI::ConfigItem> items;
  try {
    items = CLI::ConfigTOML().from_config(text);
  } catch (const CLI::Error& error) {
    fail(Failure::usage, path, ": ", error.what());
  }
  std::vector<std::string> arguments;
  for (const CLI::ConfigItem& item : items) {
    if (item.name == "++" || item.name == "--") continue;  // marks of a section's begin and end
    const std::string name = with_dashes("--" + item.name);
    check_known(verb, name, path + ": ");
    check(item.parents.empty(), Failure::usage, path, ": expected options only, got the section [",
          item.parents.empty() ? "" : item.parents.front(), "]");
    check(item.inputs.size() == 1 && !item.inputs[0].empty(), Failure::usage, path, ": ", item.name,
          ": expected one value");
    check(name != "--config", Failure::usage, path, ": a file cannot name another with config");
    arguments.push_back(name + "=" + item.inputs[0]);
  }
  return arguments;
}

int run(const std::vector<std::string>& arguments) {
  try {
    return parse_and_run(arguments);
  } catch (const Interrupted& interrupted) {
    std::cerr << "octet: interrupted" << interrupted.note << '\n';
    return 128 + interrupted.signal;
  } catch (const Error& error) {
    std::cerr << "octet: " << error.what() << '\n';
    return static_cast<int>(error.kind);
  } catch (const std::bad_alloc&) {
    std::cerr << "octet: out of memory\n";
  } catch (const std::exception& error) {
    std::cerr << "octet: " << error.what() << '\n';
  }
  return static_cast<int>(Failure::failed);
}

std::string config_text(const CLI::App& verb) {
  std::string text = "# octet " + verb.get_name() + "\n";
  for (const CLI::Option* option : verb.get_options()) {
    const std::vector<std::string>& names = option->get_lnames();
    if (names.empty() || names[0] == "help" || names[0] == "config" || names[0] == "resume")
      continue;
    const bool flag = option->get_expected_max() == 0;
    std::string value = option->count() > 0 ? option->as<std::string>()
                        : flag              ? "false"
                                            : option->get_default_str();
    if (value.empty()) continue;
    char* end = nullptr;
    std::strtod(value.c_str(), &end);
    const bool bare = flag || *end == '\0';
    text += names[0] + " = " + (bare ? value : '"' + value + '"') + "\n";
  }
  return text;
}

}  // namespace octet::cli
