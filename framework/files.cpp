#include "framework/files.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "framework/check.h"

namespace octet {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int operator*() const { return number_; }
  /// Closes now, so that a late write error is seen.
  bool close() { return ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

bool write_all(int descriptor, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(descriptor, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    data += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

}  // namespace

Bytes read_file(const std::filesystem::path& file, std::uint64_t most) {
  const Descriptor input(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  check(*input >= 0, Failure::data, file.string(), ": cannot be read: ", std::strerror(errno));
  struct stat status {};
  check(::fstat(*input, &status) == 0, Failure::data, file.string(), ": ", std::strerror(errno));
  check(!S_ISDIR(status.st_mode), Failure::data, file.string(), ": expected a file, got a folder");
  Bytes bytes;
  bytes.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(
      S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0, most)));
  std::array<std::uint8_t, 1 << 16> buffer;
  for (;;) {
    const ssize_t got = ::read(*input, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    check(got >= 0, Failure::data, file.string(), ": cannot be read: ", std::strerror(errno));
    if (got == 0) return bytes;
    check(bytes.size() + static_cast<std::size_t>(got) <= most, Failure::data, file.string(),
          ": expected at most ", most, " bytes");
    bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + got);
  }
}

void write_file(const std::filesystem::path& file, const void* data, std::size_t size) {
  const std::string temporary = file.string() + ".tmp" + std::to_string(::getpid());
  const auto give_up = [&](int error) {
    ::unlink(temporary.c_str());
    fail(Failure::failed, file.string(), ": cannot be written: ", std::strerror(error));
  };
  Descriptor output(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (*output < 0)
    fail(Failure::failed, file.string(), ": cannot be written: ", std::strerror(errno));
  if (!write_all(*output, static_cast<const char*>(data), size) || ::fsync(*output) != 0 ||
      !output.close() || ::rename(temporary.c_str(), file.c_str()) != 0)
    give_up(errno);
}

void write_file(const std::filesystem::path& file, std::string_view text) {
  write_file(file, text.data(), text.size());
}

void check_writable(const std::filesystem::path& file) {
  std::error_code error;
  check(!std::filesystem::is_directory(file, error), Failure::failed, file.string(),
        ": cannot be written: a folder is in the way");
  const std::string temporary = file.string() + ".tmp" + std::to_string(::getpid());
  const Descriptor output(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  check(*output >= 0, Failure::failed, file.string(),
        ": cannot be written: ", std::strerror(errno));
  ::unlink(temporary.c_str());
}

std::string sha256(const void* data, std::size_t size) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned length = 0;
  check(EVP_Digest(data, size, digest.data(), &length, EVP_sha256(), nullptr) == 1, Failure::failed,
        "SHA-256 is not available from the system's libcrypto");
  std::string text;
  for (unsigned i = 0; i < length; ++i) {
    text += "0123456789abcdef"[digest[i] >> 4];
    text += "0123456789abcdef"[digest[i] & 15];
  }
  return text;
}

}  // namespace octet
