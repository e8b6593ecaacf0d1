// octet bench against contestants that are scripts: what it asks, compares and says when they fail.
#include <unistd.h>

#include <csignal>

#include "framework/files.h"
#include "tests/examples/octet_program.h"

using namespace octet;
using namespace octet::test;
namespace fs = std::filesystem;

namespace {

const std::string quick = "bench --model lenet300 --batch 8 --threads 1 --repeats 1 --turn 0.01 ";

// A peer that speaks the protocol as `body` says; $1 is the verb, $2 its argument, $PRECISION which
// of the two peers it is.
void write_peer(const fs::path& file, const std::string& body) {
  write_file(file,
             "#!/bin/sh\n"
             "echo \"$@\" >>arguments\n"
             "PRECISION=$2\n"
             "while read -r line; do\n"
             "  set -- $line\n" +
                 body + "done\n");
  fs::permissions(file, fs::perms::owner_all);
}

bool is_alive(const std::string& process) { return fs::exists("/proc/" + process); }

}  // namespace

TEST_CASE("bench: a row for each work, network and recipe") {
  const TemporaryFolder folder;
  const Outcome outcome =
      octet_in(folder, quick + "--recipe float32,W=int8/absmax,A=int8/absmax/smooth,int8 --json");
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.err.empty());
  const nlohmann::json rows = outcome.json()["rows"];
  REQUIRE(rows.size() == 6);
  const char* recipes[] = {"float32", "W=int8/absmax,A=int8/absmax/smooth", "int8"};
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(rows[i]["work"] == (i < 3 ? "train" : "infer"));
    CHECK(rows[i]["model"] == "lenet300");
    CHECK(rows[i]["recipe"] == recipes[i % 3]);
    CHECK(rows[i]["batch"] == 8);
    CHECK(rows[i]["threads"] == 1);
    CHECK(rows[i]["images_per_second"] > 0);
    CHECK(rows[i]["peak_memory"] > 100000);
    CHECK(!rows[i].contains("peer"));
  }
  CHECK(octet_in(folder, quick + "--work infer --precision all --model lenet300,lenet5 --json")
            .json()["rows"]
            .size() >= 4);
}

TEST_CASE("bench: what it cannot measure is refused before anything runs") {
  const TemporaryFolder folder;
  check_refused(folder, "bench --model lenet6", 2, "unknown network 'lenet6'");
  check_refused(folder, "bench --model lenet300,lenet6", 2, "unknown network 'lenet6'");
  check_refused(folder, "bench --precision int7", 2, "unknown recipe 'int7'");
  check_refused(folder, "bench --work compress", 2, "'compress'");
  check_refused(folder, "bench --work ,", 2, "--work");
  check_refused(folder, "bench --repeats 0", 2, "--repeats");
  check_refused(folder, "bench --batch -1", 2, "--batch");
  check_refused(folder, "bench --turn 0", 2, "--turn");
  check_refused(folder, "bench --peer-script none.py", 2, "none.py");
  check_refused(folder, "bench --profile --precision float32,int8", 2, "--profile");
  check_refused(folder, "bench-worker --model lenet6", 2, "unknown network 'lenet6'");
  CHECK(octet_in(folder, "--help").out.find("bench-worker") == std::string::npos);
}

TEST_CASE("bench: each of our rows is compared with each peer, round by round") {
  const TemporaryFolder folder;
  // One answers 1 ms a step, the other 4 ms.
  write_peer(
      folder / "peer",
      "  case $1 in\n"
      "    steps) if [ $PRECISION = bf16 ]; then echo ${2}e-3; else echo ${2}e-3 | sed s/^/4/"
      "; fi ;;\n"
      "    quit) echo note: a slow $PRECISION >&2; echo 1048576; exit 0 ;;\n"
      "  esac\n");
  const Outcome outcome = octet_in(
      folder,
      quick + "--work infer --repeats 3 --precision float32,int8 --peer-script peer --json");
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  const nlohmann::json rows = outcome.json()["rows"];
  REQUIRE(rows.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(rows[i]["recipe"] == (i < 2 ? "float32" : "int8"));
    CHECK(rows[i]["peer"] == (i % 2 == 0 ? "pytorch float32" : "pytorch bf16"));
    CHECK(rows[i]["peer_peak_memory"] == 1048576);
    const double peer = rows[i]["peer_images_per_second"];
    if (i % 2 == 1) CHECK(peer == doctest::Approx(8000));
    CHECK(rows[i]["ratio"].get<double>() ==
          doctest::Approx(rows[i]["images_per_second"].get<double>() / peer));
  }
  CHECK(outcome.out.find("/ pytorch bf16") != std::string::npos);
  CHECK(outcome.err.find("octet: pytorch bf16: a slow bf16\n") != std::string::npos);
  const std::string asked = text_of(folder / "arguments");
  CHECK(asked.find("--precision bf16 --work infer --model lenet300 --batch 8 --threads 1\n") !=
        std::string::npos);
}

TEST_CASE("bench: a peer that dies or talks nonsense is named with its last words") {
  const TemporaryFolder folder;
  const std::string with_peer = quick + "--work train --precision int8 --peer-script ./peer";
  write_peer(folder / "peer", "  echo one >&2; echo 'no luck' >&2; exit 3\n");
  check_refused(folder, with_peer, 1,
                "pytorch float32 (train lenet300) ended with code 3: no luck");
  write_peer(folder / "peer", "  echo 'a riddle' >&2; echo soon\n");
  check_refused(folder, with_peer, 1, "got 'soon'; its last words: a riddle");
  write_peer(folder / "peer", "  echo 0\n");
  check_refused(folder, with_peer, 1, "expected a positive number");
  write_peer(folder / "peer", "  kill -9 $$\n");
  check_refused(folder, with_peer, 1, "was ended by signal 9");
  write_file(folder / "peer", "not a program");
  check_refused(folder, with_peer, 1, "pytorch float32 (train lenet300) ended with code 12");
}

TEST_CASE("bench: a peer that declines is left out") {
  const TemporaryFolder folder;
  write_peer(folder / "peer",
             "  if [ $PRECISION = bf16 ]; then echo 'no bf16 here' >&2; exit 77; fi\n"
             "  echo 0.002\n");
  const Outcome outcome =
      octet_in(folder, quick + "--work infer --precision int8 --peer-script peer --json");
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.error_lines() == 1);
  CHECK(outcome.err.find("without pytorch bf16 (infer lenet300): no bf16 here") !=
        std::string::npos);
  REQUIRE(outcome.json()["rows"].size() == 1);
  CHECK(outcome.json()["rows"][0]["peer"] == "pytorch float32");
}

TEST_CASE("bench: without PyTorch it says so once and goes on") {
  const TemporaryFolder folder;
  write_file(folder / "peer.py", "");
  // No Python starts without its library.
  const Outcome outcome =
      octet_in(folder, quick + "--work infer --precision int8 --peer-script peer.py --json",
               "PYTHONHOME=" + (folder / "none").string());
  REQUIRE(outcome.code == 0);
  CHECK(outcome.error_lines() == 1);
  CHECK(outcome.err.find("python3-torch") != std::string::npos);
  CHECK(outcome.json()["rows"].size() == 1);
}

TEST_CASE("bench: interrupted, it leaves no contestant behind") {
  const TemporaryFolder folder;
  write_peer(folder / "peer", "  echo $$ >>peers; sleep 60\n");
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    if (chdir(folder.path().c_str()) != 0 || !std::freopen("out", "w", stdout) ||
        !std::freopen("err", "w", stderr))
      _exit(99);
    execl(octet_program, "octet", "bench", "--model", "lenet300", "--batch", "8", "--turn", "0.01",
          "--peer-script", "peer", nullptr);
    _exit(99);
  }
  std::string peers;
  for (int wait = 0; wait < 6000 && peers.empty(); ++wait, usleep(10000))
    peers = text_of(folder / "peers");
  REQUIRE(!peers.empty());
  CHECK(is_alive(peers.substr(0, peers.find('\n'))));
  kill(child, SIGINT);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
  CHECK(text_of(folder / "err") == "octet: interrupted\n");
  CHECK(!is_alive(peers.substr(0, peers.find('\n'))));
}

TEST_CASE("bench: the profile's rows sum to the step") {
  const TemporaryFolder folder;
  const Outcome outcome =
      octet_in(folder,
               "bench --model lenet5 --batch 8 --precision int8 --repeats 1 --turn 0.1 "
               "--profile --json");
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  const nlohmann::json result = outcome.json();
  double sum = 0, products = 0;
  bool gradient = false;
  for (const nlohmann::json& row : result["profile"]) {
    sum += row["seconds"].get<double>();
    if (row["part"] == "int8 product") products += row["seconds"].get<double>();
    gradient |= row["layer"] == "fc1" && row["pass"] == "weight gradient" &&
                row["operations"] == 2.0 * 8 * 800 * 500;
  }
  CHECK(gradient);
  CHECK(sum <= result["step_seconds"]);
  CHECK(sum > 0.8 * result["step_seconds"].get<double>());
  CHECK(products == doctest::Approx(result["product_seconds"].get<double>()));
  CHECK(result["roofs"]["memory"] > 0);
}
