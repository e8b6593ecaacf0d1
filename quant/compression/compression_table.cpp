#include "quant/compression/compression_table.h"

#include <algorithm>
#include <array>
#include <iomanip>
#include <sstream>
#include <string_view>

#include "framework/model.h"

namespace octet {
namespace {

using Row = std::vector<std::string>;

std::string fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string percent(double part, double whole, int digits) {
  return whole > 0 ? fixed(100 * part / whole, digits) + "%" : "-";
}

bool has_role(const TensorReport& report, std::string_view ending) {
  return octet::is_parameter(report.name) && report.name.ends_with(ending);
}

// Sums of some rows; bits are summed over entries, so that averages weigh as the streams do.
struct Sum {
  std::int64_t elements = 0, nonzeros = 0, entries = 0;
  std::int64_t pruned = 0, shared = 0, written = 0, entropy = 0;
  double weight_bits = 0, coded_weight_bits = 0, index_bits = 0, coded_index_bits = 0;

  void add(const TensorReport& report) {
    const auto count = static_cast<double>(report.entries);
    elements += report.elements;
    nonzeros += report.nonzeros;
    entries += report.entries;
    pruned += report.pruned_bytes;
    shared += report.shared_bytes;
    written += report.payload_bytes;
    entropy += report.entropy_bytes;
    weight_bits += count * report.weight_bits;
    coded_weight_bits += count * report.coded_weight_bits;
    index_bits += count * report.index_bits;
    coded_index_bits += count * report.coded_index_bits;
  }

  Row row(const std::string& name) const {
    const auto average = [&](double bits) {
      return entries > 0 ? fixed(bits / static_cast<double>(entries), 1) : "-";
    };
    const double dense = 4.0 * static_cast<double>(elements);
    return {name,
            std::to_string(elements),
            percent(static_cast<double>(nonzeros), static_cast<double>(elements), 1),
            average(weight_bits),
            average(coded_weight_bits),
            average(index_bits),
            average(coded_index_bits),
            std::to_string(pruned),
            std::to_string(shared),
            std::to_string(written),
            std::to_string(entropy),
            percent(static_cast<double>(written), dense, 2)};
  }
};

// The first column begins at the left, the others end at the right; a row may be short.
std::string aligned(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows[0].size());
  for (const Row& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  std::ostringstream text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string space(widths[c] - row[c].size(), ' ');
      line += c == 0 ? row[c] + space : "  " + space + row[c];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text << line << "\n";
  }
  return text.str();
}

}  // namespace

std::int64_t count_parameters(const std::vector<TensorReport>& reports) {
  std::int64_t count = 0;
  for (const TensorReport& report : reports)
    if (octet::is_parameter(report.name)) count += report.elements;
  return count;
}

std::string compression_table(const std::vector<TensorReport>& reports, std::int64_t file_bytes) {
  const bool huffman = std::none_of(reports.begin(), reports.end(), [](const TensorReport& r) {
    return r.coding == Coding::contexts || r.coding == Coding::rans;
  });
  const std::string coder = huffman ? "+H" : "+C";
  std::vector<Row> rows{{"layer", "weights", "kept", "w bits", coder, "idx bits", coder, "P bytes",
                         "P+Q", "P+Q" + coder, "entropy", "of dense"}};
  Sum all, biases, norms;
  for (const TensorReport& report : reports) {
    if (has_role(report, ".bias")) biases.add(report);
    if (has_role(report, ".gamma") || has_role(report, ".beta")) norms.add(report);
    if (!has_role(report, ".weight")) continue;
    Sum layer;
    layer.add(report);
    all.add(report);
    rows.push_back(layer.row(report.name.substr(0, report.name.size() - 7)));
  }
  rows.push_back(all.row("all weights"));
  rows.push_back(biases.row("biases"));
  if (norms.elements > 0) rows.push_back(norms.row("gamma, beta"));
  const std::int64_t parameters = count_parameters(reports);
  const auto bytes_row = [&](const std::string& name, const std::string& count,
                             std::int64_t bytes) {
    Row row(rows[0].size());
    row[0] = name;
    row[1] = count;
    row[9] = std::to_string(bytes);
    row[11] = percent(static_cast<double>(bytes), 4.0 * static_cast<double>(parameters), 2);
    return row;
  };
  rows.push_back(
      bytes_row("rest of the file", "", file_bytes - all.written - biases.written - norms.written));
  rows.push_back(bytes_row("file", std::to_string(parameters), file_bytes));
  const double ratio =
      file_bytes > 0 ? 4.0 * static_cast<double>(parameters) / static_cast<double>(file_bytes) : 0;
  std::ostringstream text;
  text << aligned(rows) << "ratio " << fixed(ratio, 2) << " = 4 x " << parameters
       << " parameters / " << file_bytes << " bytes\n";
  return text.str();
}

}  // namespace octet
