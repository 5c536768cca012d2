/* SPDX-License-Identifier: MIT */

/* One of everything that debuginfo describes in C++; see rich.c. */

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace outer {
inline namespace v1 {
struct versioned {
	int version;
};
}

namespace inner {
enum class mode : uint16_t { off, on = 7, automatic = 0xffff };
enum plain { alpha, beta };
static int hidden = 4;

class shape {
public:
	virtual ~shape() = default;
	virtual double area() const = 0;
	virtual const char *name() const { return "shape"; }
	static int count;
	static constexpr int limit = 12;
	mutable int looked_at = 0;

protected:
	int id = 0;

private:
	mode state = mode::on;
};
int shape::count = 0;

class square : public shape {
public:
	explicit square(double side) : side_(side) { count++; }
	double area() const override { looked_at++; return side_ * side_; }
	const char *name() const override { return "square"; }

private:
	double side_;
};
}

struct left_base { long left; virtual void l() {} virtual ~left_base() {} };
struct right_base { int right; virtual int r(int value) { return value + right; } virtual ~right_base() {} };
struct both : left_base, protected right_base {
	char own;
	int r(int value) override { return value * 2 + own; }
	int ask(int value) { return r(value); }
};

struct root { int root_value = 1; virtual ~root() {} };
struct via_a : virtual root { int a = 2; };
struct via_b : virtual root { int b = 3; };
struct diamond : via_a, via_b { int d = 4; };
}

template <typename T, int N>
struct fixed_array {
	T items[N];
	T sum() const
	{
		T total = T();
		for (const T &item : items)
			total = total + item;
		return total;
	}
	struct iterator { T *at; };
	using value_type = T;
};

template <typename... Ts>
struct holder {
	static constexpr int size = sizeof...(Ts);
	unsigned tag : 3;
	unsigned rest : 29;
};

template <template <typename, int> class C>
struct higher {
	C<short, 2> content;
};

template <typename F>
static int call_with(F &&function, int value)
{
	return function(value) + 1;
}

union tagged {
	int integer;
	struct { short low, high; } parts;
	int get() const { return integer; }
};

struct has_reference {
	int &to;
	int &&rvalue;
	int has_reference::*unusual;
	int (outer::both::*method)(int);
	decltype(nullptr) nothing;
	int plain;
};

namespace {
struct anonymous_inside {
	int x;
	bool operator==(const anonymous_inside &other) const { return x == other.x; }
	operator int() const { return x; }
};
}

static int overloaded(int value) { return value + 1; }
static int overloaded(double value) { return (int)value + 2; }
static int overloaded(const std::string &text) { return (int)text.size(); }

[[gnu::noinline]] static int throwing(int value)
{
	if (value > 1000)
		throw std::string("too large");
	return value;
}

thread_local int tls_value = 9;
outer::both global_both;
outer::diamond global_diamond;
fixed_array<int, 4> global_array = { { 1, 2, 3, 4 } };
holder<int, char, fixed_array<double, 2>> global_holder;
higher<fixed_array> global_higher;
tagged global_tagged;

int main(int argc, char **)
{
	std::vector<std::unique_ptr<outer::inner::shape>> shapes;
	outer::versioned versioned{ argc };
	anonymous_inside first{ argc }, second{ 2 };
	int captured = argc * 2;
	auto lambda = [captured, &versioned](int value) {
		int local = value + captured;
		return local + versioned.version;
	};
	int total = 0;

	for (int i = 0; i < argc + 2; i++)
		shapes.push_back(std::make_unique<outer::inner::square>(i));
	for (auto &shape : shapes)
		total += (int)shape->area() + shape->name()[0];
	total += call_with(lambda, argc) + overloaded(1) + overloaded(2.5) + overloaded("three");
	total += global_array.sum() + global_both.ask(3) + global_diamond.root_value;
	total += (first == second) + (int)first + outer::inner::hidden + tls_value;
	total += global_holder.size + global_higher.content.sum() + global_tagged.get();
	has_reference reference{ captured, std::move(total), &has_reference::plain,
				 &outer::both::ask, nullptr, 1 };
	try {
		total += throwing(argc) + reference.to;
	} catch (const std::string &text) {
		std::puts(text.c_str());
	}
	return total == 0;
}
