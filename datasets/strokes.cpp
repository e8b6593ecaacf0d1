#include "datasets/strokes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "framework/parallel.h"
#include "framework/random.h"

namespace octet {
namespace {

constexpr int side = 28;

struct Point {
  float x, y;
};

// A line of the pen. Units of one hundredth of half the digit's height, y downward.
struct Stroke {
  bool smooth;  // a curve through the points, or straight from one to the next
  std::vector<Point> points;
};
using Glyph = std::vector<Stroke>;

constexpr bool curve = true, line = false;

// The ways in which people write each digit.
// clang-format off
const std::array<std::vector<Glyph>, 10>& glyphs() {
  static const std::array<std::vector<Glyph>, 10> all{{
      {{{curve, {{0, -95}, {-45, -65}, {-58, 0}, {-45, 65}, {0, 95}, {45, 65}, {58, 0}, {45, -65},
                 {0, -95}, {-25, -85}}}},
       {{curve, {{25, -92}, {-30, -80}, {-48, -10}, {-42, 60}, {0, 95}, {42, 55}, {48, -15},
                 {30, -75}, {-5, -88}}}}},
      {{{line, {{0, -95}, {0, 95}}}},
       {{line, {{-35, -50}, {5, -95}, {5, 95}}}},
       {{line, {{-35, -50}, {5, -95}, {5, 95}}}, {line, {{-38, 95}, {45, 95}}}}},
      {{{curve, {{-48, -50}, {-22, -90}, {25, -90}, {46, -50}, {22, 5}, {-18, 52}, {-52, 92}}},
        {line, {{-52, 92}, {55, 92}}}},
       {{curve, {{-45, -60}, {-8, -95}, {40, -75}, {38, -28}, {5, 30}, {-35, 82}, {-56, 72},
                 {-32, 55}, {8, 82}, {56, 86}}}},
       {{curve, {{-50, -78}, {5, -95}, {45, -60}, {20, 0}, {-48, 90}}},
        {curve, {{-48, 90}, {0, 82}, {55, 92}}}}},
      {{{curve, {{-46, -70}, {-8, -95}, {38, -75}, {34, -30}, {-10, -8}}},
        {curve, {{-10, -8}, {40, 10}, {48, 60}, {5, 95}, {-50, 72}}}},
       {{line, {{-46, -92}, {42, -92}, {-6, -22}}},
        {curve, {{-6, -22}, {40, 0}, {48, 55}, {5, 95}, {-50, 74}}}},
       {{curve, {{-40, -85}, {10, -95}, {36, -60}, {18, -22}, {-14, -10}, {-10, 0}, {38, 14},
                 {44, 66}, {0, 95}, {-46, 82}}}}},
      {{{line, {{-30, -92}, {-50, 14}, {54, 14}}}, {line, {{28, -50}, {26, 95}}}},
       {{line, {{22, 95}, {22, -95}, {-54, 30}, {56, 30}}}},
       {{curve, {{-36, -90}, {-48, -20}, {-34, 14}, {8, 14}, {36, -4}}},
        {line, {{38, -80}, {30, 95}}}}},
      {{{line, {{46, -92}, {-34, -92}, {-42, -14}}},
        {curve, {{-42, -14}, {0, -34}, {44, -5}, {46, 55}, {0, 95}, {-50, 75}}}},
       {{curve, {{-30, -90}, {-40, -22}, {5, -28}, {44, 10}, {36, 70}, {-8, 95}, {-46, 84}}},
        {line, {{-30, -90}, {48, -96}}}},
       {{curve, {{44, -88}, {-5, -90}, {-38, -62}, {-26, -24}, {20, -8}, {44, 36}, {16, 86},
                 {-44, 84}}}}},
      {{{curve, {{32, -95}, {-14, -66}, {-46, -5}, {-46, 55}, {-5, 95}, {42, 70}, {42, 22}, {0, -2},
                 {-38, 26}}}},
       {{curve, {{6, -95}, {-32, -25}, {-48, 45}, {-10, 95}, {38, 76}, {36, 30}, {-6, 12},
                 {-42, 42}}}},
       {{curve, {{44, -78}, {8, -94}, {-34, -56}, {-50, 14}, {-36, 76}, {8, 94}, {46, 58}, {24, 10},
                 {-20, 8}, {-44, 40}}}}},
      {{{line, {{-52, -90}, {50, -90}, {-10, 95}}}},
       {{line, {{-50, -90}, {50, -90}, {-12, 95}}}, {line, {{-26, 2}, {44, 2}}}},
       {{line, {{-52, -84}, {48, -92}}}, {curve, {{48, -92}, {18, -25}, {-2, 35}, {-8, 95}}}},
       {{line, {{-50, -58}, {-50, -90}, {50, -90}, {2, 95}}}}},
      {{{curve, {{0, -6}, {-36, -40}, {-30, -80}, {0, -95}, {32, -80}, {36, -42}, {0, -6},
                 {-42, 34}, {-38, 78}, {0, 95}, {40, 78}, {42, 34}, {0, -6}}}},
       {{curve, {{34, -74}, {0, -95}, {-36, -72}, {-26, -28}, {20, 8}, {44, 50}, {24, 90},
                 {-22, 90}, {-42, 52}, {-14, 6}, {26, -30}, {34, -74}}}},
       {{curve, {{0, -95}, {-34, -76}, {-32, -36}, {0, -16}, {32, -36}, {34, -76}, {0, -95}}},
        {curve, {{0, -16}, {-40, 10}, {-46, 62}, {0, 95}, {46, 62}, {40, 10}, {0, -16}}}}},
      {{{curve, {{42, -58}, {4, -94}, {-38, -72}, {-42, -26}, {-4, 0}, {34, -22}, {42, -58}}},
        {line, {{42, -60}, {34, 95}}}},
       {{curve, {{42, -52}, {2, -94}, {-40, -66}, {-34, -16}, {4, -2}, {38, -34}, {44, -52},
                 {46, 14}, {24, 78}, {-34, 88}}}},
       {{curve, {{36, -72}, {-8, -92}, {-40, -50}, {-20, -8}, {22, -22}, {40, -66}, {34, 0},
                 {12, 95}}}}},
  }};
  return all;
}
// clang-format on

// Numbers of one picture, drawn one after the other.
class Dice {
 public:
  explicit Dice(std::uint64_t key) : key_(key) {}
  float between(float least, float most) {
    return least + (most - least) * uniform(key_, index_++);
  }
  std::uint32_t below(std::size_t count) {
    return uniform_below(key_, index_++, static_cast<std::uint32_t>(count));
  }

 private:
  std::uint64_t key_;
  std::uint32_t index_ = 0;
};

// Rotation, slant, scale and place: digit units to pixels.
struct Map {
  float xx, xy, yx, yy, x, y;
  Point operator()(Point p) const { return {xx * p.x + xy * p.y + x, yx * p.x + yy * p.y + y}; }
};

Map draw_map(Dice& dice) {
  // The tangent of half the angle gives sine and cosine without a library whose last bits differ.
  const float t = dice.between(-0.15f, 0.15f);
  const float cosine = (1 - t * t) / (1 + t * t), sine = 2 * t / (1 + t * t);
  const float slant = dice.between(-0.35f, 0.35f);
  const float height = dice.between(0.073f, 0.106f);
  const float width = height * dice.between(0.80f, 1.25f);
  const float middle = 0.5f * (side - 1);
  return {.xx = cosine * width,
          .xy = (-slant * cosine - sine) * height,
          .yx = sine * width,
          .yy = (-slant * sine + cosine) * height,
          .x = middle + dice.between(-2.25f, 2.25f),
          .y = middle + dice.between(-2.25f, 2.25f)};
}

// How far each pixel's centre lies inside the ink (negative: outside).
class Canvas {
 public:
  Canvas() { depth_.fill(-1e3f); }

  // A segment of a pen `radius` pixels thick at its ends.
  void segment(Point a, Point b, float radius) {
    const float reach = radius + 1;
    const int left = clip(std::min(a.x, b.x) - reach), right = clip(std::max(a.x, b.x) + reach);
    const int top = clip(std::min(a.y, b.y) - reach), bottom = clip(std::max(a.y, b.y) + reach);
    const float dx = b.x - a.x, dy = b.y - a.y;
    const float inverse = 1 / std::max(dx * dx + dy * dy, 1e-6f);
    for (int y = top; y <= bottom; ++y)
      for (int x = left; x <= right; ++x) {
        const float px = static_cast<float>(x) - a.x, py = static_cast<float>(y) - a.y;
        const float along = std::clamp((px * dx + py * dy) * inverse, 0.0f, 1.0f);
        const float ex = px - along * dx, ey = py - along * dy;
        float& depth = depth_[static_cast<std::size_t>(y * side + x)];
        depth = std::max(depth, radius - std::sqrt(ex * ex + ey * ey));
      }
  }

  // Coverage of pixel `index` in 0 .. 1: half where the ink's edge crosses its centre.
  float ink(std::size_t index) const { return std::clamp(depth_[index] + 0.5f, 0.0f, 1.0f); }

 private:
  static int clip(float at) { return std::clamp(static_cast<int>(at), 0, side - 1); }
  std::array<float, side * side> depth_;
};

// Catmull and Rom's curve from b to c.
Point between(Point a, Point b, Point c, Point d, float t) {
  const auto axis = [t](float p, float q, float r, float s) {
    return q + 0.5f * t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p)));
  };
  return {axis(a.x, b.x, c.x, d.x), axis(a.y, b.y, c.y, d.y)};
}

void draw(const Stroke& stroke, const Map& map, float radius, Dice& dice, Canvas& canvas) {
  constexpr int steps = 4;
  std::array<Point, 16> points;
  const int count = static_cast<int>(stroke.points.size());
  for (int i = 0; i < count; ++i) {
    const Point p = stroke.points[static_cast<std::size_t>(i)];
    points[static_cast<std::size_t>(i)] =
        map({p.x + dice.between(-14, 14), p.y + dice.between(-14, 14)});
  }
  const auto at = [&](int i) {
    return points[static_cast<std::size_t>(std::clamp(i, 0, count - 1))];
  };
  const float change = dice.between(-0.3f, 0.3f) / static_cast<float>(count);
  Point last = at(0);
  for (int i = 0; i + 1 < count; ++i) {
    radius += radius * change;
    for (int step = 1; step <= (stroke.smooth ? steps : 1); ++step) {
      const Point next = stroke.smooth ? between(at(i - 1), at(i), at(i + 1), at(i + 2),
                                                 static_cast<float>(step) / steps)
                                       : at(i + 1);
      canvas.segment(last, next, radius);
      last = next;
    }
  }
}

// A short faint mark that belongs to no digit.
void draw_stray(Dice& dice, Canvas& canvas) {
  const Point from{dice.between(0, side - 1), dice.between(0, side - 1)};
  const Point to{from.x + dice.between(-5, 5), from.y + dice.between(-5, 5)};
  canvas.segment(from, to, dice.between(0.4f, 0.9f));
}

void draw_picture(int digit, std::uint64_t key, std::uint8_t* picture) {
  Dice dice(key);
  const auto& ways = glyphs()[static_cast<std::size_t>(digit)];
  const Glyph& glyph = ways[dice.below(ways.size())];
  const Map map = draw_map(dice);
  const float radius = dice.between(0.7f, 1.6f);
  Canvas digit_ink, stray_ink;
  for (const Stroke& stroke : glyph) draw(stroke, map, radius, dice, digit_ink);
  for (std::uint32_t marks = dice.below(4); marks > 0; --marks) draw_stray(dice, stray_ink);
  const float strength = dice.between(140, 255), stray = dice.between(60, 200);
  const float noise = dice.between(0, 0.24f);
  const std::uint64_t noise_key = mix(key);
  for (std::size_t i = 0; i < side * side; ++i) {
    const std::uint32_t bits = random_bits(noise_key, static_cast<std::uint32_t>(i));
    const int grain = static_cast<int>(bits >> 24) + static_cast<int>(bits >> 16 & 255) - 255;
    const float level = std::max(strength * digit_ink.ink(i), stray * stray_ink.ink(i)) +
                        noise * static_cast<float>(grain);
    picture[i] = static_cast<std::uint8_t>(std::clamp(level, 0.0f, 255.0f));
  }
}

}  // namespace

Dataset make_strokes(std::int64_t count, std::uint64_t seed, Split split) {
  Dataset strokes{
      .name = "strokes", .image = {side, side, 1}, .pixels = {}, .labels = {}, .classes = {}};
  for (char digit = '0'; digit <= '9'; ++digit) strokes.classes.emplace_back(1, digit);
  strokes.pixels.resize(static_cast<std::size_t>(count) * side * side);
  strokes.labels.resize(static_cast<std::size_t>(count));
  const std::uint64_t stream = stream_of(split == Split::train ? "strokes.train" : "strokes.test");
  parallel_for(count, 64, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const int digit = static_cast<int>(i % 10);
      strokes.labels[static_cast<std::size_t>(i)] = digit;
      draw_picture(digit, random_key(seed, stream, static_cast<std::uint64_t>(i)),
                   strokes.pixels.data() + i * side * side);
    }
  });
  return strokes;
}

}  // namespace octet
