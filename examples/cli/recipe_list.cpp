// octet recipes: the number formats that have a name.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "examples/cli/program.h"
#include "quant/numbers/precision.h"
#include "quant/numbers/recipes.h"

namespace octet::cli {
namespace {

// "W=int8/absmax,A=..." without the roles that are f32.
std::string formats_of(const Precision& precision) {
  std::string text;
  const auto add = [&](const char* role, const Format& format) {
    if (format != Format{})
      text += (text.empty() ? "" : ",") + std::string(role) + "=" + print(format);
  };
  add("W", precision.weights);
  add("A", precision.activations);
  add("E", precision.errors);
  add("G", precision.gradients);
  add("M", precision.master);
  if (precision.fan_in) text += ",S=fan-in";
  return text.empty() ? "f32 in all roles" : text;
}

int list(bool json) {
  if (json) {
    Json all = Json::array();
    for (const Recipe& recipe : recipes())
      all.push_back({{"name", recipe.name},
                     {"formats", formats_of(recipe.precision)},
                     {"description", recipe.summary}});
    std::cout << all.dump() << std::endl;
    return 0;
  }
  for (const Recipe& recipe : recipes())
    std::cout << recipe.name << ": " << recipe.summary << "\n    " << formats_of(recipe.precision)
              << '\n';
  return 0;
}

}  // namespace

void add_recipes(CLI::App& program, Work& work) {
  CLI::App& verb = *program.add_subcommand("recipes", "list the number formats that have a name");
  const auto json = std::make_shared<bool>(false);
  verb.add_flag("--json", *json, "print one JSON array as the last line");
  verb.footer("Example:\n  octet recipes\nEach is a --precision of octet train.");
  verb.callback([&work, json] { work = [json] { return list(*json); }; });
}

}  // namespace octet::cli
