// AVX512-VNNI as a target of single functions, whatever the rest is compiled for.
#pragma once

#if defined(__x86_64__)

#define OCTET_VNNI512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

namespace octet {

/// Whether the CPU has it; ONEDNN_MAX_CPU_ISA is not asked (dnn::isa).
inline bool has_vnni512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
}

}  // namespace octet

#else

namespace octet {
inline bool has_vnni512() { return false; }
}  // namespace octet

#endif
