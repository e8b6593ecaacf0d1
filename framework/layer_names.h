// The names of layers that a definition leaves without: conv1, conv2, fc1, ... in order, counted by
// kind; a layer with a name of its own counts too.
#pragma once

#include <map>
#include <string>

namespace octet {

class AutomaticNames {
 public:
  /// The name of the next layer, which is of this kind.
  std::string next(const std::string& kind);

 private:
  std::map<std::string, int> counts_;
};

}  // namespace octet
