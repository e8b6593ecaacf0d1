#include "examples/cli/contestant.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "examples/cli/interrupt.h"
#include "framework/check.h"

namespace octet::cli {
namespace {

constexpr int declined = 77;

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> all;
  for (const std::string& word : words) all.push_back(const_cast<char*>(word.c_str()));
  all.push_back(nullptr);
  return all;
}

// What the child does between fork and exec.
[[noreturn]] void become(char* const* command, int socket, int errors, pid_t parent) {
  // A measurement must not outlive the one who asked for it, however that one ends.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  if (dup2(socket, STDIN_FILENO) >= 0 && dup2(socket, STDOUT_FILENO) >= 0 &&
      dup2(errors, STDERR_FILENO) >= 0)
    execvp(command[0], command);
  const char* reason = std::strerror(errno);
  if (write(errors, reason, std::strlen(reason)) < 0) _exit(126);
  _exit(127);
}

}  // namespace

Contestant::Contestant(std::string name, const std::vector<std::string>& command)
    : name_(std::move(name)) {
  int ends[2];
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, Failure::failed, name_,
        ": no socket: ", std::strerror(errno));
  socket_ = ends[0];
  errors_ = memfd_create("stderr", MFD_CLOEXEC);
  const std::vector<char*> words = pointers(command);
  const pid_t parent = getpid();
  child_ = errors_ < 0 ? -1 : fork();
  if (child_ == 0) become(words.data(), ends[1], errors_, parent);
  const int reason = errno;
  close(ends[1]);
  if (child_ > 0) return;
  close(socket_);
  if (errors_ >= 0) close(errors_);
  fail(Failure::failed, name_, ": cannot be started: ", std::strerror(reason));
}

Contestant::~Contestant() {
  close(socket_);
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  close(errors_);
}

double Contestant::steps(std::int64_t count) {
  const double seconds = ask("steps " + std::to_string(count) + "\n");
  check(seconds > 0, Failure::failed, name_, ": answered ", seconds,
        " seconds, expected a positive number");
  return seconds;
}

std::int64_t Contestant::quit() {
  const double bytes = ask("quit\n");
  check(bytes >= 0 && bytes < 0x1p53, Failure::failed, name_, ": answered ", bytes,
        " bytes of memory");
  return static_cast<std::int64_t>(bytes);
}

double Contestant::ask(const std::string& line) {
  // A child that is gone shows when the answer is read.
  if (send(socket_, line.data(), line.size(), MSG_NOSIGNAL) < 0) explain_end();
  const std::string answer = receive_line();
  char* end = nullptr;
  const double number = std::strtod(answer.c_str(), &end);
  const std::string words = last_words();
  check(!answer.empty() && *end == '\0' && std::isfinite(number), Failure::failed, name_,
        ": expected a number for an answer, got '", answer, "'",
        words.empty() ? "" : "; its last words: ", words);
  return number;
}

std::string Contestant::receive_line() {
  for (;;) {
    if (const std::size_t end = received_.find('\n'); end != std::string::npos) {
      const std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      return line;
    }
    pollfd wait{.fd = socket_, .events = POLLIN, .revents = 0};
    const int ready = poll(&wait, 1, 200);  // a signal just before the call is seen soon after
    if (interrupt() != 0) throw Interrupted{interrupt(), ""};
    if (ready <= 0) continue;
    char bytes[256];
    const ssize_t size = recv(socket_, bytes, sizeof bytes, 0);
    if (size <= 0) explain_end();
    received_.append(bytes, static_cast<std::size_t>(size));
    check(received_.size() < 4096, Failure::failed, name_,
          ": expected a number for an answer, got ", received_.size(), " bytes of something else");
  }
}

void Contestant::explain_end() {
  for (int wait = 0; wait < 200 && !has_ended(); ++wait) usleep(10000);
  if (interrupt() != 0) throw Interrupted{interrupt(), ""};
  const std::string words = last_words();
  const std::string tail = words.empty() ? "" : ": " + words;
  check(child_ < 0, Failure::failed, name_, " closed its output", tail);
  if (WIFEXITED(status_) && WEXITSTATUS(status_) == declined) throw Declined{words};
  check(WIFEXITED(status_), Failure::failed, name_, " was ended by signal ", WTERMSIG(status_),
        tail);
  fail(Failure::failed, name_, " ended with code ", WEXITSTATUS(status_), tail);
}

bool Contestant::has_ended() {
  if (child_ > 0 && waitpid(child_, &status_, WNOHANG) == child_) child_ = -1;
  return child_ < 0;
}

// The last line that the child wrote to stderr.
std::string Contestant::last_words() const {
  char bytes[4096];
  const off_t size = lseek(errors_, 0, SEEK_END);
  const off_t from = std::max<off_t>(0, size - static_cast<off_t>(sizeof bytes));
  const ssize_t read = pread(errors_, bytes, sizeof bytes, from);
  std::string text(bytes, static_cast<std::size_t>(std::max<ssize_t>(read, 0)));
  text.erase(text.find_last_not_of("\r\n ") + 1);
  const std::size_t line = text.rfind('\n');
  return line == std::string::npos ? text : text.substr(line + 1);
}

int run_quietly(const std::vector<std::string>& command) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0);
  pid_t child = -1;
  const std::vector<char*> words = pointers(command);
  const int failed = posix_spawnp(&child, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (failed != 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace octet::cli
