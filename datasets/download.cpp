#include "datasets/download.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "framework/check.h"
#include "framework/files.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30;

// What a failing step leaves behind goes with it.
class Temporary {
 public:
  explicit Temporary(fs::path path) : path_(std::move(path)) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

fs::path temporary_beside(const fs::path& path) {
  return path.parent_path() / ("." + path.filename().string() + ".tmp" + std::to_string(getpid()));
}

std::string read_to_end(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    if (text.size() < 4096) text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

// The last line a program said: curl and tar put the reason there.
std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

// Runs a program without a shell. Empty when it ended well, otherwise its last words.
std::string run(std::vector<std::string> arguments) {
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  std::array<int, 2> ends;
  check(::pipe2(ends.data(), O_CLOEXEC) == 0, Failure::failed, "no pipe: ", std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  pid_t child = 0;
  const int error =
      ::posix_spawnp(&child, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  const std::string words = error == 0 ? last_line(read_to_end(ends[0])) : "";
  ::close(ends[0]);
  int status = 0;
  if (error == 0)
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  const bool missing = error == ENOENT || (WIFEXITED(status) && WEXITSTATUS(status) == 127);
  check(!missing, Failure::failed, "the program '", arguments[0],
        "' is needed and is not installed here");
  check(error == 0, Failure::failed, "the program '", arguments[0],
        "' cannot be started: ", std::strerror(error));
  if (status == 0) return "";
  return words.empty() ? join(arguments[0], " failed with status ", status) : words;
}

void create_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  check(!error, Failure::failed, folder.string(), ": cannot be created: ", error.message());
}

bool is_right(const Archive& archive, const fs::path& folder) {
  std::error_code error;
  if (!fs::is_regular_file(folder / archive.file, error)) return false;
  const Bytes bytes = read_file(folder / archive.file, most_bytes);
  return sha256(bytes.data(), bytes.size()) == archive.sha256;
}

bool is_tar(const Published& set) {
  return set.archives.size() == 1 && set.archives[0].file.ends_with(".tar.gz");
}

}  // namespace

void download(const Archive& archive, const fs::path& folder) {
  if (is_right(archive, folder)) return;
  create_folder(folder);
  const fs::path file = folder / archive.file;
  const Temporary part(temporary_beside(file));
  std::string reasons;
  Failure kind = Failure::failed;
  for (const std::string& url : archive.urls) {
    std::string reason =
        run({"curl", "--fail", "--location", "--silent", "--show-error", "--connect-timeout", "30",
             "--speed-time", "60", "--speed-limit", "1", "--max-filesize",
             std::to_string(most_bytes), "--output", part.path().string(), "--", url});
    if (reason.empty()) {
      const Bytes bytes = read_file(part.path(), most_bytes);
      const std::string sum = sha256(bytes.data(), bytes.size());
      if (sum == archive.sha256) return write_file(file, bytes.data(), bytes.size());
      reason = join("expected the SHA-256 ", archive.sha256, ", got ", sum);
      kind = Failure::data;
    }
    reasons += join("; ", url, ": ", reason);
  }
  fail(kind, archive.file, " was not fetched", reasons);
}

void unpack(const fs::path& archive, const fs::path& folder) {
  const Temporary place(temporary_beside(folder));
  create_folder(place.path());
  const std::string reason = run({"tar", "--extract", "--gzip", "--no-same-owner", "--file",
                                  archive.string(), "--directory", place.path().string()});
  check(reason.empty(), Failure::failed, archive.string(), ": cannot be unpacked: ", reason);
  std::error_code error;
  fs::rename(place.path() / folder.filename(), folder, error);
  check(!error, Failure::failed, archive.string(), ": cannot be unpacked to ", folder.string(),
        ": ", error.message());
}

fs::path fetch(const Published& set, const fs::path& destination, bool offline) {
  const fs::path folder = destination / set.folders.front();
  const bool tar = is_tar(set);
  if (tar && fs::exists(folder)) return folder;
  std::string missing;
  for (const Archive& archive : set.archives) {
    const fs::path place = tar ? destination : folder;
    if (is_right(archive, place)) continue;
    missing += join(missing.empty() ? "" : ", ", archive.file);
    check(!archive.sha256.empty() && !archive.urls.empty(), Failure::data, set.name,
          ": has no published SHA-256 and address, so it is not fetched; put it into ",
          folder.string(), " by hand");
    if (!offline) download(archive, place);
  }
  check(!offline || missing.empty(), Failure::data, set.name, ": ", missing,
        " is missing and nothing is fetched offline; put it into ",
        (tar ? destination : folder).string());
  if (tar) {
    const fs::path archive = destination / set.archives[0].file;
    unpack(archive, folder);
    fs::remove(archive);
  }
  return folder;
}

}  // namespace octet
