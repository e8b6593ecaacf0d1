#include "examples/cli/sweep_plot.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iostream>
#include <limits>

#include "framework/check.h"
#include "framework/files.h"

namespace octet::cli {
namespace {

namespace fs = std::filesystem;

template <std::size_t n>
bool is_among(const char* const (&names)[n], const std::string& name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}
bool is_figure(const std::string& name) { return is_among(figure_names, name); }
bool is_time(const std::string& name) { return is_among(course_times, name); }

std::optional<double> number(const std::string& text) {
  double value = 0;
  const char* const begin = text.data() + (text.starts_with('+') ? 1 : 0);
  const char* const end = text.data() + text.size();
  const auto [last, failure] = std::from_chars(begin, end, value);
  if (failure != std::errc() || last != end || !std::isfinite(value)) return {};
  return value;
}

std::size_t axis_of(const SweepPlan& plan, const std::string& name) {
  return static_cast<std::size_t>(std::find(plan.axes.begin(), plan.axes.end(), name) -
                                  plan.axes.begin());
}

// Whether all values of an axis are numbers; else they are categories.
bool is_numeric(const SweepPlan& plan, std::size_t axis) {
  return std::all_of(plan.runs.begin(), plan.runs.end(),
                     [&](const RunPlan& run) { return number(run.values[axis]).has_value(); });
}

double scale_of(const std::string& figure) { return figure.ends_with("error") ? 100 : 1; }

std::string label_of(const std::string& name) {
  std::string label = name;
  std::replace(label.begin(), label.end(), '_', ' ');
  return is_figure(name) && scale_of(name) == 100 ? label + ", %" : label;
}

// A text of gnuplot's.
std::string quote(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

struct Point {
  double x, y, deviation;
};
struct Series {
  std::string title;
  std::vector<Point> points;
};

// What tells a setting's line from the others.
std::string series_title(const SweepPlan& plan, const SettingRow& setting) {
  std::vector<std::string> names = plan.plot->by;
  for (const std::string& axis : plan.axes)
    if (axis != plan.plot->x && std::find(names.begin(), names.end(), axis) == names.end())
      names.push_back(axis);
  std::string title;
  for (const std::string& name : names) {
    const std::size_t axis = axis_of(plan, name);
    const std::string& value = setting.values[axis];
    title += title.empty() ? "" : ", ";
    title += number(value) ? name + " " + value : value;
  }
  return title;
}

std::vector<std::string> categories(const SweepPlan& plan) {
  std::vector<std::string> values;
  const std::size_t axis = axis_of(plan, plan.plot->x);
  if (axis == plan.axes.size() || is_numeric(plan, axis)) return values;
  for (const RunPlan& run : plan.runs)
    if (std::find(values.begin(), values.end(), run.values[axis]) == values.end())
      values.push_back(run.values[axis]);
  return values;
}

// A line for each setting: after each epoch the means over its runs that are done.
std::vector<Series> find_courses(const SweepPlan& plan, const std::vector<Result>& results) {
  const PlotPlan& plot = *plan.plot;
  const double times = scale_of(plot.y);
  std::vector<Series> all;
  const std::vector<SettingRow> settings = by_setting(plan, results);
  for (std::size_t setting = 0; setting < settings.size(); ++setting) {
    std::vector<const Result*> runs;
    std::size_t epochs = std::numeric_limits<std::size_t>::max();
    for (std::size_t i = 0; i < results.size(); ++i) {
      const auto y = results[i].course.find(plot.y);
      if (plan.runs[i].setting != setting || results[i].status != Status::done ||
          y == results[i].course.end())
        continue;
      runs.push_back(&results[i]);
      epochs = std::min(epochs, y->second.size());
    }
    if (runs.empty()) continue;
    Series series{series_title(plan, settings[setting]), {}};
    for (std::size_t epoch = 0; epoch < epochs; ++epoch) {
      const auto over_seeds = [&](const std::string& name) {
        std::vector<double> values;
        for (const Result* run : runs) values.push_back(run->course.at(name)[epoch]);
        return spread(values);
      };
      const Spread y = over_seeds(plot.y);
      series.points.push_back({over_seeds(plot.x).mean, times * y.mean,
                               std::isnan(y.deviation) ? 0 : times * y.deviation});
    }
    all.push_back(std::move(series));
  }
  return all;
}

std::vector<Series> find_series(const SweepPlan& plan, const std::vector<Result>& results) {
  const PlotPlan& plot = *plan.plot;
  if (is_time(plot.x)) return find_courses(plan, results);
  const std::vector<std::string> names = categories(plan);
  std::vector<Series> all;
  for (const SettingRow& setting : by_setting(plan, results)) {
    const auto y = setting.figures.find(plot.y);
    if (y == setting.figures.end()) continue;
    double x = 0;
    if (is_figure(plot.x)) {
      const auto found = setting.figures.find(plot.x);
      if (found == setting.figures.end()) continue;
      x = scale_of(plot.x) * found->second.mean;
    } else {
      const std::string& value = setting.values[axis_of(plan, plot.x)];
      x = names.empty()
              ? *number(value)
              : static_cast<double>(std::find(names.begin(), names.end(), value) - names.begin());
    }
    const std::string title = series_title(plan, setting);
    auto series = std::find_if(all.begin(), all.end(),
                               [&](const Series& other) { return other.title == title; });
    if (series == all.end()) series = all.insert(all.end(), {title, {}});
    const double times = scale_of(plot.y), deviation = y->second.deviation;
    series->points.push_back(
        {x, times * y->second.mean, std::isnan(deviation) ? 0 : times * deviation});
  }
  for (Series& series : all)
    std::stable_sort(series.points.begin(), series.points.end(),
                     [](const Point& a, const Point& b) { return a.x < b.x; });
  return all;
}

struct ProgramEnd {
  int code;
  std::string said;  // the last line that it printed
};

// Runs gnuplot on plot.gp within `folder`.
ProgramEnd run_gnuplot(const fs::path& folder, const std::string& picture) {
  int ends[2];
  check(pipe2(ends, O_CLOEXEC) == 0, Failure::failed, "gnuplot: no pipe");
  const std::string assignment = "picture='" + picture + "'";
  const pid_t child = fork();
  if (child == 0) {
    const int nothing = open("/dev/null", O_RDONLY);
    if (chdir(folder.c_str()) == 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
        dup2(ends[1], STDOUT_FILENO) >= 0 && dup2(ends[1], STDERR_FILENO) >= 0)
      execlp("gnuplot", "gnuplot", "-e", assignment.c_str(), "plot.gp", nullptr);
    _exit(127);
  }
  close(ends[1]);
  std::string text;
  char bytes[4096];
  for (ssize_t size; child > 0 && (size = read(ends[0], bytes, sizeof bytes)) > 0;)
    text.append(bytes, static_cast<std::size_t>(size));
  close(ends[0]);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return {-1, "cannot be started"};
  text.erase(text.find_last_not_of("\r\n\t ") + 1);
  const std::size_t line = text.rfind('\n');
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          line == std::string::npos ? text : text.substr(line + 1)};
}

}  // namespace

void resolve_plot(SweepPlan& plan) {
  PlotPlan& plot = *plan.plot;
  std::vector<std::string> figures(std::begin(figure_names), std::end(figure_names));
  std::vector<std::string> known = plan.axes;
  known.insert(known.end(), figures.begin(), figures.end());
  known.insert(known.end(), std::begin(course_times), std::end(course_times));
  const auto list = [](const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
  };
  const auto expect = [&](std::string& name, const std::vector<std::string>& among) {
    const std::string dashes = with_dashes("--" + name).substr(2);  // options have them
    if (!is_figure(name) && name != "name") name = dashes;
    check(std::find(among.begin(), among.end(), name) != among.end(), Failure::usage,
          "[plot]: expected one of ", list(among), ", got '", name, "'");
  };
  if (plot.x.empty()) {
    check(!plan.axes.empty(), Failure::usage,
          "[plot]: no option varies; give x a figure, epoch or minutes");
    plot.x = plan.axes[0];
    for (std::size_t i = plan.axes.size(); i-- > 0;)
      if (is_numeric(plan, i)) plot.x = plan.axes[i];
  }
  expect(plot.x, known);
  const bool course = is_time(plot.x);
  if (plot.y.empty()) plot.y = course ? "validation_error" : "test_error";
  if (course) figures.assign(std::begin(course_figures), std::end(course_figures));
  expect(plot.y, figures);
  if (course && plot.y == "validation_error")
    for (const RunPlan& run : plan.runs)
      if (run.options.validation == 0)
        fail(Failure::usage,
             "[plot]: validation_error after each epoch: expected validation above 0 in ",
             describe(plan, run));
  for (std::string& name : plot.by) {
    expect(name, plan.axes);
    check(name != plot.x, Failure::usage, "[plot]: x and by are both ", name);
  }
  if (!plot.log_x || is_figure(plot.x) || is_time(plot.x)) return;
  for (const RunPlan& run : plan.runs) {
    const std::string& value = run.values[axis_of(plan, plot.x)];
    check(number(value).value_or(0) > 0, Failure::usage,
          "[plot]: log_x: expected numbers above 0 in ", plot.x, ", got '", value, "'");
  }
}

PlotFiles plot_files(const SweepPlan& plan, const std::vector<Result>& results) {
  const PlotPlan& plot = *plan.plot;
  const std::vector<Series> all = find_series(plan, results);
  const std::vector<std::string> names = categories(plan);
  PlotFiles files;
  files.data = "# " + plot.x + ", mean of " + plot.y + ", standard deviation\n";
  std::string curves;
  for (std::size_t i = 0; i < all.size(); ++i) {
    files.data += (i > 0 ? "\n\n" : "") + ("# " + all[i].title) + "\n";
    for (const Point& point : all[i].points)
      files.data += format_text("%.9g %.9g %.9g\n", point.x, point.y, point.deviation);
    // A line between points claims an order between them, which time and an option's numbers have.
    const bool line = names.empty() && all[i].points.size() > 1 && !is_figure(plot.x);
    curves +=
        (i > 0 ? ", \\\n     " : "") + join("'plot.dat' index ", i, " using 1:2:3 with ",
                                            line ? "yerrorlines" : "yerrorbars", " pointtype 7 ");
    curves += all[i].title.empty() ? "notitle" : "title " + quote(all[i].title);
  }
  files.script = "# gnuplot plot.gp makes plot." + plot.format + " from plot.dat\n";
  files.script += plot.format == "svg"
                      ? "set terminal svg size 800,500 noenhanced background 'white'\n"
                      : "set terminal pngcairo size 1200,750 noenhanced\n";
  files.script += "if (!exists('picture')) picture = 'plot." + plot.format + "'\n" +
                  "set output picture\nset grid\nset key outside\n";
  if (!plot.title.empty()) files.script += "set title " + quote(plot.title) + "\n";
  files.script +=
      "set xlabel " + quote(label_of(plot.x)) + "\nset ylabel " + quote(label_of(plot.y)) + "\n";
  if (plot.log_x) files.script += "set logscale x\n";
  if (plot.log_y) files.script += "set logscale y\n";
  if (!plot.log_x && names.empty()) files.script += "set offsets graph 0.05, graph 0.05, 0, 0\n";
  if (!names.empty()) {
    std::string tics;
    for (std::size_t i = 0; i < names.size(); ++i)
      tics += (i > 0 ? ", " : "") + quote(names[i]) + " " + std::to_string(i);
    files.script +=
        format_text("set xrange [-0.5:%zu.5]\n", names.size() - 1) + "set xtics (" + tics + ")\n";
  }
  files.script += "plot " + curves + "\n";
  return files;
}

std::string write_plot(const SweepPlan& plan, const fs::path& folder,
                       const std::vector<Result>& results) {
  if (find_series(plan, results).empty()) return "";
  const PlotFiles files = plot_files(plan, results);
  write_file(folder / "plot.dat", files.data);
  write_file(folder / "plot.gp", files.script);
  const std::string picture = "plot." + plan.plot->format, unfinished = ".unfinished." + picture;
  const ProgramEnd end = run_gnuplot(folder, unfinished);
  std::error_code error;
  if (end.code == 0) {
    fs::rename(folder / unfinished, folder / picture, error);
    if (!error) return (folder / picture).string();
  }
  fs::remove(folder / unfinished, error);
  std::cerr << "octet: no plot: "
            << (end.code == 127 ? "gnuplot is not there (Debian's package: gnuplot-nox)"
                                : "gnuplot: " + end.said)
            << "; its data and script are kept: " << (folder / "plot.dat").string() << ", plot.gp"
            << std::endl;
  return "";
}

}  // namespace octet::cli
