// The AMX kernel on tiles in plain memory: proves its layout and its loops on any machine.
#include <cstring>

#include "framework/weight_gradient/kernel.h"

#define OCTET_TARGET
#include "framework/weight_gradient/amx_loops.h"

namespace octet::weight_gradient {
namespace {

struct EmulatedTiles {
  template <int t>
  static void zero() {
    std::memset(tiles[t], 0, sizeof tiles[t]);
  }
  template <int t>
  static void load(const void* from, std::int64_t step) {
    for (int i = 0; i < 16; ++i)
      std::memcpy(tiles[t][i], static_cast<const char*>(from) + i * step, 64);
  }
  template <int t>
  static void store(void* to, std::int64_t step) {
    for (int i = 0; i < 16; ++i) std::memcpy(static_cast<char*>(to) + i * step, tiles[t][i], 64);
  }
  template <int sums, int codes, int errors>
  static void dot() {
    for (int i = 0; i < 16; ++i)
      for (int k = 0; k < 16; ++k) {
        std::int32_t sum;
        std::memcpy(&sum, tiles[sums][i] + 4 * k, 4);
        for (int g = 0; g < 16; ++g)
          for (int j = 0; j < 4; ++j)
            sum +=
                tiles[codes][i][4 * g + j] * static_cast<std::int8_t>(tiles[errors][g][4 * k + j]);
        std::memcpy(tiles[sums][i] + 4 * k, &sum, 4);
      }
  }

  static thread_local unsigned char tiles[8][16][64];
};

thread_local unsigned char EmulatedTiles::tiles[8][16][64];

void multiply(const Sweep& sweep) { multiply_by_tiles<EmulatedTiles>(sweep); }

}  // namespace

const Kernel emulated_amx{"emulated AMX",      4,       5,           true,
                          [] { return true; }, nullptr, pack_errors, multiply,
                          plain_add_errors};

}  // namespace octet::weight_gradient
