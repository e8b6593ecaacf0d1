// octet recipes: the number formats that have a name.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "examples/cli/program.h"
#include "framework/check.h"
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

// All recipes, or the one of that name.
int list(const std::string& name, bool json) {
  std::vector<Recipe> wanted;
  std::vector<std::string> names;
  for (const Recipe& recipe : recipes()) {
    if (name.empty() || recipe.name == name) wanted.push_back(recipe);
    names.push_back(recipe.name);
  }
  check(!wanted.empty(), Failure::usage, "unknown recipe '", name,
        "', expected one that `octet recipes` lists", nearest(name, names));
  if (json) {
    Json all = Json::array();
    for (const Recipe& recipe : wanted)
      all.push_back({{"name", recipe.name},
                     {"formats", formats_of(recipe.precision)},
                     {"description", recipe.summary}});
    std::cout << all.dump() << std::endl;
    return 0;
  }
  for (const Recipe& recipe : wanted)
    std::cout << recipe.name << ": " << recipe.summary << "\n    " << formats_of(recipe.precision)
              << '\n';
  return 0;
}

}  // namespace

void add_recipes(CLI::App& program, Work& work) {
  CLI::App& verb = *program.add_subcommand("recipes", "list the number formats that have a name");
  const auto name = std::make_shared<std::string>();
  const auto json = std::make_shared<bool>(false);
  verb.add_option("NAME", *name, "this one alone");
  verb.add_flag("--json", *json, "print one JSON array as the last line");
  verb.footer(
      "Examples:\n"
      "  octet recipes\n"
      "  octet recipes wage\n"
      "Each is a --precision of octet train, alone or with roles in which it shall differ:\n"
      "  octet train --precision int8,E=int8/absmax\n"
      "What a paper has beside formats, its rates and loss, is in a --config: octet train\n"
      "--config wage-mnist, for one.");
  verb.callback([&work, name, json] { work = [name, json] { return list(*name, *json); }; });
}

}  // namespace octet::cli
