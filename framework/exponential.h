// Functions whose library versions differ in the last place between CPUs with and without fused
// multiply-add: these give the same bits on every machine.
#pragma once

namespace octet {

/// e^x, within 2e-7 relative for |x| <= 87; 0 below.
float exponential(float x);

/// Within 3e-7; odd, and rising as far as float32 can tell.
float hyperbolic_tangent(float x);

}  // namespace octet
