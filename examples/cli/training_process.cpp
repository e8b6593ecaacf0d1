#include "examples/cli/training_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "framework/check.h"

namespace octet::cli {
namespace {

namespace fs = std::filesystem;

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> all;
  for (const std::string& word : words) all.push_back(const_cast<char*>(word.c_str()));
  all.push_back(nullptr);
  return all;
}

// What is trained is told by the sweep file alone.
std::vector<std::string> plain_environment() {
  std::vector<std::string> all;
  for (char** variable = environ; *variable; ++variable) {
    const std::string text = *variable;
    if (!text.starts_with("OCTET_") || text.starts_with("OCTET_DATA=")) all.push_back(text);
  }
  return all;
}

// What the child does between fork and exec.
[[noreturn]] void become(const char* program, char* const* arguments, char* const* environment,
                         int log, pid_t parent, const sigset_t& before) {
  // Ctrl-C in a terminal goes to a whole group of processes. The sweep passes it on, once: a
  // second signal would end the training before it has saved.
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);  // the sweep is killed: save and end
  if (getppid() != parent) _exit(1);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  const int nothing = open("/dev/null", O_RDONLY);
  if (dup2(nothing, STDIN_FILENO) >= 0 && dup2(log, STDOUT_FILENO) >= 0 &&
      dup2(log, STDERR_FILENO) >= 0)
    execve(program, arguments, environment);
  _exit(127);
}

}  // namespace

TrainingProcess::TrainingProcess(const std::vector<std::string>& arguments, const fs::path& log)
    : log_(log) {
  std::string line = "$ octet";
  for (const std::string& argument : arguments) line += " " + argument;
  line += "\n";
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  const auto size = static_cast<ssize_t>(line.size());
  if (file < 0 || write(file, line.data(), line.size()) != size) {
    const std::string reason = std::strerror(errno);
    if (file >= 0) close(file);
    fail(Failure::failed, log.string(), ": cannot be written: ", reason);
  }
  begin_ = fs::file_size(log);

  const std::string program = fs::read_symlink("/proc/self/exe").string();
  std::vector<std::string> words = {"octet"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const std::vector<std::string> variables = plain_environment();
  const std::vector<char*> command = pointers(words), environment = pointers(variables);
  // A signal between fork and exec would be caught by the sweep's own handler, and lost.
  sigset_t both, before;
  sigemptyset(&both);
  sigaddset(&both, SIGINT);
  sigaddset(&both, SIGTERM);
  sigprocmask(SIG_BLOCK, &both, &before);
  const pid_t parent = getpid();
  child_ = fork();
  if (child_ == 0)
    become(program.c_str(), command.data(), environment.data(), file, parent, before);
  const int reason = errno;
  sigprocmask(SIG_SETMASK, &before, nullptr);
  close(file);
  check(child_ > 0, Failure::failed, "a training cannot be started: ", std::strerror(reason));
}

TrainingProcess::~TrainingProcess() {
  if (child_ <= 0) return;
  kill(child_, SIGTERM);
  waitpid(child_, nullptr, 0);
}

void TrainingProcess::interrupt(int signal) const {
  if (child_ > 0) kill(child_, signal);
}

std::optional<TrainingProcess::Ending> TrainingProcess::ending() {
  int status = 0;
  if (waitpid(child_, &status, WNOHANG) != child_) return {};
  child_ = -1;
  return explain(status);
}

TrainingProcess::Ending TrainingProcess::explain(int status) const {
  Ending ending{.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)};
  std::ifstream in(log_);
  in.seekg(static_cast<std::streamoff>(begin_));
  constexpr std::string_view said = "octet: ";
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(said) && !line.starts_with("octet: note: "))
      ending.reason = line.substr(said.size());
    if (line.starts_with("{")) ending.figures = Json::parse(line, nullptr, false);
  }
  if (WIFSIGNALED(status))
    ending.reason =
        join("ended by signal ", WTERMSIG(status), " (", strsignal(WTERMSIG(status)), ")");
  if (ending.code != 0 && ending.reason.empty())
    ending.reason = join("ended with code ", ending.code);
  return ending;
}

}  // namespace octet::cli
