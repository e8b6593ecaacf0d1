// The architecture as a test: who may include whom, and what may appear only in one place.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/paths.h"

namespace fs = std::filesystem;

namespace {

const fs::path root = octet::test::source_folder;

const std::map<std::string, std::set<std::string>> arrows = {
    {"framework", {"framework"}},
    {"datasets", {"datasets", "framework"}},
    {"optim", {"optim", "framework"}},
    {"quant", {"quant", "framework"}},
    {"layers", {"layers", "quant", "framework"}},
};

std::vector<std::string> lines(const fs::path& file) {
  std::ifstream in(file);
  std::vector<std::string> all;
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

template <class Body>
void each_source(const Body& body) {
  int files = 0;
  for (const auto& [folder, allowed] : arrows)
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cpp") continue;
      ++files;
      body(folder, entry.path(), fs::relative(entry.path(), root).string());
    }
  CHECK(files > 40);
}

}  // namespace

TEST_CASE("architecture: no include against the arrows") {
  each_source([](const std::string& folder, const fs::path& file, const std::string& name) {
    for (const std::string& line : lines(file)) {
      if (!line.starts_with("#include \"")) continue;
      const std::string target = line.substr(10, line.find('/') - 10);
      CAPTURE(name);
      CAPTURE(line);
      CHECK(arrows.at(folder).count(target) == 1);
    }
  });
}

TEST_CASE("architecture: compression and integer inference do not know each other") {
  each_source([](const std::string&, const fs::path& file, const std::string& name) {
    CAPTURE(name);
    for (const std::string& line : lines(file)) {
      if (name.starts_with("quant/numbers/"))
        CHECK((line.find("\"quant/compression/") == std::string::npos &&
               line.find("\"quant/integer/") == std::string::npos));
      if (name.starts_with("quant/compression/"))
        CHECK(line.find("\"quant/integer/") == std::string::npos);
    }
  });
}

TEST_CASE("architecture: each foreign thing has one seam") {
  each_source([](const std::string&, const fs::path& file, const std::string& name) {
    CAPTURE(name);
    for (const std::string& line : lines(file)) {
      CAPTURE(line);
      if (!name.starts_with("framework/dnn")) CHECK(line.find("dnnl") == std::string::npos);
      if (!name.starts_with("framework/parallel."))
        CHECK(line.find("#pragma omp") == std::string::npos);
      if (!name.starts_with("framework/image.")) CHECK(line.find("stb_") == std::string::npos);
      if (name != "quant/onnx/graph_file.cpp") {
        CHECK(line.find("<onnx/") == std::string::npos);
        CHECK(line.find("protobuf") == std::string::npos);
        CHECK(line.find("::onnx::") == std::string::npos);
      }
      CHECK(line.find("#include <random>") == std::string::npos);
      CHECK(line.find(" rand()") == std::string::npos);
    }
  });
}

TEST_CASE("architecture: the program keeps to the seams too") {
  for (const auto& entry : fs::recursive_directory_iterator(root / "examples")) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".h" && extension != ".cpp") continue;
    for (const std::string& line : lines(entry.path())) {
      CAPTURE(entry.path().string());
      CAPTURE(line);
      for (const char* foreign : {"dnnl", "#pragma omp", "stb_", "<onnx/", "protobuf"})
        CHECK(line.find(foreign) == std::string::npos);
    }
  }
}

TEST_CASE("architecture: no file knows everything") {
  each_source([](const std::string&, const fs::path& file, const std::string& name) {
    CAPTURE(name);
    CHECK(lines(file).size() <= 450);
  });
}

TEST_CASE("architecture: nothing at the top but what belongs there") {
  const std::set<std::string> expected = {"framework",   "layers",         "optim",
                                          "quant",       "datasets",       "examples",
                                          "tests",       "CMakeLists.txt", "CMakePresets.json",
                                          "README.md",   "LICENSE",        "CONTRIBUTING.md",
                                          "CHANGELOG.md"};
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(root)) {
    const std::string name = entry.path().filename().string();
    // Dot-files, and what .gitignore keeps out.
    if (!name.starts_with(".") && name != "build" && name != "runs" && name != "sweeps" &&
        name != "data")
      found.insert(name);
  }
  CHECK(found == expected);
}
