// The `octet` program: verbs, options, exit codes. Precedence of options:
// defaults < --config file < environment (OCTET_BATCH, ...) < command line.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace octet::cli {

using Json = nlohmann::ordered_json;
/// The work of the verb that was chosen; returns the exit code.
using Work = std::function<int()>;

/// Runs the program on its arguments (without its name) and returns the exit code.
int run(const std::vector<std::string>& arguments);

// One file a verb; each adds its options and sets `work` when it is chosen.
void add_train(CLI::App& program, Work& work);
void add_compress(CLI::App& program, Work& work);
void add_quantize(CLI::App& program, Work& work);
void add_scan(CLI::App& program, Work& work);
void add_gradients(CLI::App& program, Work& work);
void add_eval(CLI::App& program, Work& work);
void add_predict(CLI::App& program, Work& work);
void add_inspect(CLI::App& program, Work& work);
void add_export(CLI::App& program, Work& work);
void add_import(CLI::App& program, Work& work);
void add_bench(CLI::App& program, Work& work);
void add_bench_worker(CLI::App& program, Work& work);
void add_data(CLI::App& program, Work& work);
void add_doctor(CLI::App& program, Work& work);
void add_verify(CLI::App& program, Work& work);
void add_sweep(CLI::App& program, Work& work);
void add_recipes(CLI::App& program, Work& work);

/// "--batch_size=3" -> "--batch-size=3"; a value keeps its underscores.
std::string with_dashes(std::string argument);

/// Of options that are numbers: at least `least` and at most `most`, which NaN is not.
CLI::Validator within(double least, double most);

/// "; did you mean WORD?" with the known word that is nearest, or nothing.
std::string nearest(const std::string& word, const std::vector<std::string>& known);

/// Throws Error(usage), beginning with `where`, for an option that the verb does not have.
void check_known(const CLI::App& verb, const std::string& argument, const std::string& where);

/// The options of a TOML file, or of one that comes with the program and is called `given`
/// ("wage-mnist"), as arguments "--name=value". Throws Error(usage) where the verb does not know
/// them.
std::vector<std::string> config_arguments(const CLI::App& verb, const std::string& given);

/// The options of a verb and their values as a TOML file that gives the same again.
std::string config_text(const CLI::App& verb);

}  // namespace octet::cli
