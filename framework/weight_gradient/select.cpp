#include "framework/weight_gradient/select.h"

#include <vector>

#include "framework/weight_gradient.h"

namespace octet::weight_gradient {
const Kernel& selected() { return vnni512; }
}  // namespace octet::weight_gradient
