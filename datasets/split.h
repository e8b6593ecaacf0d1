// Which half of a data set: what is trained on, or what the error is measured on.
#pragma once

namespace octet {

enum class Split { train, test };

}  // namespace octet
