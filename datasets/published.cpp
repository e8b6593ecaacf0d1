#include "datasets/published.h"

namespace octet {
namespace {

// The four gzipped IDX files, each at every mirror; SHA-256s in the order of IdxFiles.
std::vector<Archive> idx_archives(const std::vector<std::string>& mirrors,
                                  const std::vector<std::string>& sha256) {
  std::vector<Archive> archives;
  for (const char* file : {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                           "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"}) {
    archives.push_back({file, sha256[archives.size()], {}});
    for (const std::string& mirror : mirrors) archives.back().urls.push_back(mirror + file);
  }
  return archives;
}

Published mnist() {
  return {.name = "mnist",
          .description = "handwritten digits",
          .storage = Storage::idx,
          .image = {28, 28, 1},
          .train = 60000,
          .test = 10000,
          .classes = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
          .class_count = 10,
          .folders = {"mnist", "MNIST/raw", "MNIST"},
          .archives =
              idx_archives({"https://storage.googleapis.com/cvdf-datasets/mnist/",
                            "https://ossci-datasets.s3.amazonaws.com/mnist/"},
                           {"440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"}),
          .contents = {"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                       "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                       "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                       "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}};
}

Published fashion_mnist() {
  return {.name = "fashion-mnist",
          .description = "photographs of clothes",
          .storage = Storage::idx,
          .image = {28, 28, 1},
          .train = 60000,
          .test = 10000,
          .classes = {"T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt",
                      "sneaker", "bag", "ankle boot"},
          .class_count = 10,
          .folders = {"fashion-mnist", "FashionMNIST/raw", "fashion_mnist", "FashionMNIST"},
          .archives = idx_archives(
              {"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
               "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/"
               "fashion/"},
              {"3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
               "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
               "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
               "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"}),
          .contents = {}};
}

Published kmnist() {
  return {.name = "kmnist",
          .description = "handwritten Japanese characters",
          .storage = Storage::idx,
          .image = {28, 28, 1},
          .train = 60000,
          .test = 10000,
          .classes = {"o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"},
          .class_count = 10,
          .folders = {"kmnist", "KMNIST/raw", "KMNIST"},
          .archives =
              idx_archives({"https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
                            "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"},
                           {"51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
                            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
                            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
                            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"}),
          .contents = {}};
}

Published cifar10() {
  return {.name = "cifar10",
          .description = "photographs of vehicles and animals",
          .storage = Storage::cifar10,
          .image = {32, 32, 3},
          .train = 50000,
          .test = 10000,
          .classes = {},
          .class_count = 10,
          .folders = {"cifar-10-batches-bin", "cifar10", "cifar10/cifar-10-batches-bin"},
          .archives = {{"cifar-10-binary.tar.gz",
                        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                        {"https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"}}},
          .contents = {"c184bacd98362262b137a81143464df1ec411af501e82a5e407fe8e0b2b7ae86",
                       "f72c9f40d8298ab84be545be2599e450e859fba31733e410b95783c11207d32e"}};
}

Published cifar100() {
  return {.name = "cifar100",
          .description = "photographs of a hundred kinds of things",
          .storage = Storage::cifar100,
          .image = {32, 32, 3},
          .train = 50000,
          .test = 10000,
          .classes = {},
          .class_count = 100,
          .folders = {"cifar-100-binary", "cifar100", "cifar100/cifar-100-binary"},
          .archives = {{"cifar-100-binary.tar.gz",
                        "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
                        {"https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"}}},
          .contents = {"f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
                       "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a"}};
}

}  // namespace

const std::vector<Published>& published() {
  static const std::vector<Published> all{mnist(), fashion_mnist(), kmnist(), cifar10(),
                                          cifar100()};
  return all;
}

const Published* find_published(const std::string& name) {
  for (const Published& set : published())
    if (set.name == name) return &set;
  return nullptr;
}

}  // namespace octet
