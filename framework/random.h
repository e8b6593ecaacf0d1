// Random numbers without generators: a hash of (seed, stream, step, index). The same four give the
// same number on any machine and any number of threads.
#pragma once

#include <cstdint>
#include <string_view>

namespace octet {

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014).
constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// The stream of a name: FNV-1a.
constexpr std::uint64_t stream_of(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

constexpr std::uint64_t random_key(std::uint64_t seed, std::uint64_t stream, std::uint64_t step) {
  return mix(mix(mix(seed) ^ stream) ^ step);
}

/// 32 random bits; 32-bit arithmetic only, so that loops over `index` vectorise.
constexpr std::uint32_t random_bits(std::uint64_t key, std::uint32_t index) {
  std::uint32_t x = index + static_cast<std::uint32_t>(key);
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15) ^ static_cast<std::uint32_t>(key >> 32)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

/// In [0, 1), a multiple of 2^-24.
constexpr float uniform(std::uint64_t key, std::uint32_t index) {
  return static_cast<float>(random_bits(key, index) >> 8) * 0x1p-24f;
}

/// In 0 .. count - 1.
constexpr std::uint32_t uniform_below(std::uint64_t key, std::uint32_t index, std::uint32_t count) {
  return static_cast<std::uint32_t>((std::uint64_t{random_bits(key, index)} * count) >> 32);
}

}  // namespace octet
