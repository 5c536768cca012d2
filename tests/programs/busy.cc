// SPDX-License-Identifier: MIT
// Always somewhere else in the C++ library: containers, sorting, streams, regular expressions, exceptions,
// virtual calls, lambdas, constructors, threads that hand each other promises.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace shapes {

struct Point {
	double x, y;
	bool operator<(const Point &other) const { return x < other.x || (x == other.x && y < other.y); }
};

class Shape {
public:
	explicit Shape(std::string name) : name(std::move(name)) {}
	virtual ~Shape() = default;
	virtual double area(int rounds) const = 0;
	std::string name;
};

class Named {
public:
	virtual ~Named() = default;
	virtual std::string label() const { return "none"; }
};

class Polygon : public Named, public Shape {
public:
	Polygon(std::string name, std::vector<Point> points) : Shape(std::move(name)), points(std::move(points)) {}
	double area(int rounds) const override
	{
		std::vector<Point> sorted(points);
		std::sort(sorted.begin(), sorted.end());
		double sum = std::accumulate(sorted.begin(), sorted.end(), 0.0,
					     [rounds](double so_far, const Point &point) { return so_far + point.x * point.y / (rounds + 1); });
		return rounds ? sum + area(rounds - 1) : sum;
	}
	std::string label() const override
	{
		std::ostringstream out;
		out << name << ' ' << points.size() << ' ' << area(2);
		return out.str();
	}
	std::vector<Point> points;
};

} // namespace shapes

template <typename T> T fold(const std::vector<T> &values, const std::function<T(T, T)> &with)
{
	T result{};
	for (const T &value : values)
		result = with(result, value);
	return result;
}

static int fails(int depth)
{
	if (depth == 0)
		throw std::runtime_error("as deep as it goes");
	std::string local(static_cast<size_t>(depth), 'x');
	return fails(depth - 1) + static_cast<int>(local.size());
}

static size_t turn(std::mt19937 &random)
{
	std::map<std::string, std::unique_ptr<shapes::Shape>> all;
	std::unordered_map<int, std::vector<int>> buckets;
	for (int i = 0; i < 12; i++) {
		std::vector<shapes::Point> points;
		for (int n = 0; n < 20; n++)
			points.push_back({ static_cast<double>(random() % 100), static_cast<double>(random() % 100) });
		std::string name = "polygon-" + std::to_string(random() % 1000);
		all[name] = std::make_unique<shapes::Polygon>(name, points);
		buckets[static_cast<int>(random() % 5)].push_back(i);
	}
	size_t sum = 0;
	for (const auto &[name, shape] : all)
		sum += name.size() + dynamic_cast<const shapes::Named &>(*shape).label().size();
	try {
		sum += static_cast<size_t>(fails(5));
	} catch (const std::exception &error) {
		sum += std::string(error.what()).size();
	}
	static const std::regex words("([a-z]+)-([0-9]+)");
	std::smatch match;
	for (const auto &each : all)
		sum += std::regex_match(each.first, match, words) ? match[2].str().size() : 0;
	for (const auto &bucket : buckets)
		sum += static_cast<size_t>(fold<int>(bucket.second, [](int a, int b) { return a * 31 + b; }) & 7);
	return sum;
}

int main()
{
	std::puts("ready");
	std::fflush(stdout);
	std::mt19937 random(1);
	volatile size_t sink = 0;
	auto other = std::async(std::launch::async, [&sink] {
		std::mt19937 mine(2);
		for (;;)
			sink = sink + turn(mine);
	});
	for (;;)
		sink = sink + turn(random);
}
