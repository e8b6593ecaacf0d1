// octet compress: two ways to a small file, which is written, read back and evaluated.
#include <CLI/CLI.hpp>
#include <filesystem>

#include "examples/cli/compression.h"
#include "framework/check.h"

namespace octet::cli {

void add_compress(CLI::App& program, Work& work) {
  CLI::App& verb = *program.add_subcommand(
      "compress", "prune, share weights, entropy-code; evaluates the file it wrote");
  const auto options = std::make_shared<CompressOptions>();
  CompressOptions& o = *options;
  verb.add_option("MODEL", o.model, "model file of octet train")->required();
  add_data_options(verb, o.data);
  verb.add_option("--prune", o.prune,
                  "share of weights to remove, spread so that small layers keep more; or by layer, "
                  "conv1=0.34,fc*=0.92")
      ->capture_default_str();
  verb.add_option("--bits", o.bits,
                  "2^bits shared values a layer, zero among them: 5, or conv*=8,fc1=5,6")
      ->capture_default_str();
  verb.add_option("--centroids", o.centroids, "where k-means begins: linear, density or forgy")
      ->check(CLI::IsMember({"linear", "density", "forgy"}))
      ->capture_default_str();
  verb.add_flag("--keep-batch-norm,!--fold-batch-norm", o.keep_batch_norm,
                "share weights without folding batch norms into the layers before them first");
  verb.add_option("--coder", o.coder,
                  "entropy coder: huffman (the paper's), rans (fastest to decode), arithmetic "
                  "(adaptive, under contexts) or, layer by layer, the best")
      ->check(CLI::IsMember({"best", "huffman", "arithmetic", "rans"}))
      ->capture_default_str();
  verb.add_option("--prune-epochs", o.prune_epochs, "epochs of training while weights are removed")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  verb.add_option("--share-epochs", o.share_epochs, "epochs of training the shared weights")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  verb.add_option("--batch", o.batch, "pictures a step")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  verb.add_option("--prune-lr", o.prune_rate, "learning rate while pruning (SGD, cosine)")
      ->check(within(0.0, 1000.0))
      ->capture_default_str();
  verb.add_option("--share-lr", o.share_rate, "learning rate of shared weights (Adam, cosine)")
      ->check(within(0.0, 1000.0))
      ->capture_default_str();
  verb.add_option("--weight-decay", o.weight_decay, "L2 penalty while pruning")
      ->check(within(0.0, 1.0))
      ->capture_default_str();
  add_augment_option(verb, o.augment);
  verb.add_option("--validation", o.validation,
                  "share of the training pictures held out, to watch the error on")
      ->check(within(0.0, 0.5))
      ->capture_default_str();
  verb.add_option("--index-bits", o.index_bits,
                  "bits of a relative index before entropy coding, 1 to 8; 0 takes the best for "
                  "each layer")
      ->check(CLI::Range(0, 8))
      ->capture_default_str();
  verb.add_option("--max-error", o.max_error,
                  "find the smallest file whose error is at most this fraction; with --prune or "
                  "--bits, only check it. Exit code 3 when the file's test error is above")
      ->check(within(0.0, 1.0));
  verb.add_option("--max-bytes", o.max_bytes,
                  "find the most accurate file of at most this size; with --prune or --bits, only "
                  "check it. Exit code 3 when it is larger")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40));
  verb.add_option("--trials", o.trials, "how many files a search tries")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  verb.add_option("--trial-epochs", o.trial_epochs, "epochs of a trial's pruning")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  verb.add_option(
          "--trial-lr", o.trial_rate,
          "learning rate of a trial's pruning (SGD, cosine after a warm-up); a quarter of it "
          "where that diverges")
      ->check(within(0.0, 1000.0))
      ->capture_default_str();
  verb.add_option("--share-loss", o.share_loss,
                  "in a search, by how much sharing weights may raise the loss, before the shared "
                  "values are trained")
      ->check(within(0.0, 100.0))
      ->capture_default_str();
  verb.add_option("--out", o.out, "the file to write; MODEL's name with -compressed unless given");
  add_common_options(verb, o.common);
  verb.footer(
      "Examples:\n"
      "  octet compress runs/strokes-lenet5-int8/last.octet --data strokes\n"
      "  octet compress lenet5.octet --data mnist --prune conv1=0.34,conv2=0.88,fc1=0.92,fc2=0.81 "
      "--bits conv*=8,fc*=5\n"
      "  octet compress lenet5.octet --data mnist --max-error 0.01 --out small.octet");
  verb.callback([&work, &verb, options] {
    const auto given = [&](const char* option) { return verb.count(option) > 0; };
    options->search =
        (given("--max-error") || given("--max-bytes")) && !given("--prune") && !given("--bits");
    if (options->search && !given("--coder")) options->coder = "best";
    work = [options] {
      use_threads(options->common);
      if (options->out.empty()) {
        const std::filesystem::path path(options->model);
        options->out = (path.parent_path() / (path.stem().string() + "-compressed.octet")).string();
      }
      std::error_code error;
      check(!std::filesystem::equivalent(options->out, options->model, error), Failure::usage,
            options->out, ": --out is the model itself, which would be lost");
      if (options->search)
        search_compression(*options);
      else
        deep_compression(*options);
      return 0;
    };
  });
}

}  // namespace octet::cli
