#include "framework/profile.h"

#include <cassert>
#include <chrono>
#include <map>
#include <tuple>
#include <utility>

namespace octet::profile {
namespace {

using Clock = std::chrono::steady_clock;

struct Table {
  std::vector<Row> rows;
  std::map<std::tuple<std::string, std::string, std::string>, std::size_t, std::less<>> index;
};

struct OpenScope {
  std::size_t row;
  Clock::time_point begin;
  double inside = 0;  // seconds of the scopes within
};

thread_local Table table;
thread_local std::vector<OpenScope> open_scopes;

}  // namespace

void start() {
  assert(open_scopes.empty());
  table = {};
  on = true;
}

std::vector<Row> stop() {
  assert(open_scopes.empty());
  on = false;
  return std::exchange(table, {}).rows;
}

std::string_view layer() {
  return open_scopes.empty() ? std::string_view() : table.rows[open_scopes.back().row].layer;
}

std::string_view pass() {
  return open_scopes.empty() ? std::string_view() : table.rows[open_scopes.back().row].pass;
}

std::size_t Scope::find(std::string_view layer, std::string_view pass, std::string_view part) {
  const std::tuple key{std::string(layer), std::string(pass), std::string(part)};
  const auto [place, is_new] = table.index.try_emplace(key, table.rows.size());
  if (is_new)
    table.rows.push_back(
        {.layer = std::get<0>(key), .pass = std::get<1>(key), .part = std::get<2>(key)});
  return place->second;
}

void Scope::open(std::string_view layer, std::string_view pass, std::string_view part,
                 double operations, double bytes) {
  row_ = find(layer, pass, part);
  table.rows[row_].operations += operations;
  table.rows[row_].bytes += bytes;
  open_scopes.push_back({row_, Clock::now()});
}

void Scope::hand_over(std::string_view part, double seconds) {
  if (!open_) return;
  const Row own = table.rows[row_];
  Row& other = table.rows[find(own.layer, own.pass, part)];
  ++other.calls;
  other.seconds += seconds;
  open_scopes.back().inside += seconds;
}

void Scope::close() {
  const OpenScope& scope = open_scopes.back();
  const double seconds = std::chrono::duration<double>(Clock::now() - scope.begin).count();
  ++table.rows[row_].calls;
  table.rows[row_].seconds += seconds - scope.inside;
  open_scopes.pop_back();
  if (!open_scopes.empty()) open_scopes.back().inside += seconds;
}

void Scope::add_bytes(std::size_t bytes) {
  if (open_) table.rows[row_].bytes += static_cast<double>(bytes);
}

}  // namespace octet::profile
