// AMX: one instruction multiplies 16 channels x 64 positions by 64 positions x 16 filters.
#include "framework/weight_gradient/kernel.h"

#if defined(__x86_64__) && defined(__linux__)

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OCTET_TARGET
#include "framework/weight_gradient/amx_loops.h"

namespace octet::weight_gradient {
namespace {

// Instructions by hand: the compiler's own names take only literal numbers of tiles.
struct HardwareTiles {
  template <int t>
  static void zero() {
    asm volatile("tilezero %%tmm%c0" ::"n"(t));
  }
  template <int t>
  static void load(const void* from, std::int64_t step) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(step), "n"(t) : "memory");
  }
  template <int t>
  static void store(void* to, std::int64_t step) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(step), "n"(t) : "memory");
  }
  template <int sums, int codes, int errors>
  static void dot() {
    asm volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"n"(sums), "n"(codes), "n"(errors));
  }
};

// Palette 1: eight tiles of 16 rows of 64 bytes.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1, start = 0, reserved[14] = {};
  std::uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileShapes) == 64);

void multiply(const Sweep& sweep) {
  static const TileShapes shapes;
  asm volatile("ldtilecfg %0" ::"m"(shapes));
  multiply_by_tiles<HardwareTiles>(sweep);
  asm volatile("tilerelease");
}

// Linux lends the tiles' registers, 8 KiB a thread, to processes that ask.
bool allowed() {
  constexpr long request_permission = 0x1023, tile_data = 18;
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

bool available() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  const bool tiles = d >> 24 & 1, bytes = d >> 25 & 1;
  return tiles && bytes && vnni512.available() && allowed();
}

void add_errors(const std::int8_t* error, std::int64_t groups, std::int64_t vectors,
                std::int32_t* sums) {
  vnni512.add_errors(error, groups, vectors, sums);
}

}  // namespace

const Kernel amx{"AMX",          4,        5,          true,    available, pack_codes512,
                 pack_errors512, multiply, add_errors, &vnni512};

}  // namespace octet::weight_gradient

#else

namespace octet::weight_gradient {
const Kernel amx{"AMX", 4, 5, true, [] { return false; }, nullptr, nullptr, nullptr, nullptr};
}  // namespace octet::weight_gradient

#endif
