// SPDX-License-Identifier: MIT
// Values of every kind of C++ type, global and local, for values_gdb.py; the same on every run.
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

enum class Colour : unsigned char { Red = 1, Green = 2 };
enum Large : unsigned long { LargeOne = 1, LargeHigh = 0x8000000000000000ul };

namespace outer {
enum Inside { InsideZero, InsideOne };
enum class Strong { Left, Right };
struct Plain { int first; Inside second; Strong third; };
Plain plain = { 4, InsideOne, Strong::Right };
namespace {
int hidden = 17;
}
inline namespace versioned {
Plain versioned_plain = { 5, InsideZero, Strong::Left };
}
}

struct Shape {
	int id;
	int narrow : 3;
	unsigned wide : 5;
	static int count;
	static const int limit = 10;
	double sizes[3];
	int method(int factor) { return id * factor; }
	virtual int area() { return id; }
	virtual ~Shape() {}
};
int Shape::count = 7;

struct Root { int root; virtual ~Root() {} };
struct Left : virtual Root { int left; };
struct Right : virtual Root { int right; };
struct Diamond : Left, Right, Shape {
	int diamond;
	int area() override;
};
int Diamond::area() { return diamond + root + left; }

struct Empty {};
struct HasEmpty { Empty nothing; int something; };
struct DerivedEmpty : Empty {};
struct Referring { int &lvalue; const char *const constant; char text[4]; Empty *empty; };
template <typename T, int N> struct Box {
	T items[N];
	T sum() const
	{
		T total = T();
		for (int i = 0; i < N; i++)
			total += items[i];
		return total;
	}
};
union Variant { int number; float real; char text[4]; };
class Secret {
	int hidden_value = 3;
protected:
	Variant variant = { 5 };
public:
	enum Nested { NestedA, NestedB } nested = NestedB;
	Secret *self = this;
	int reveal(int more);
};

int Shape::*data_member = &Shape::id;
int Shape::*no_member = nullptr;
int (Shape::*method)(int) = &Shape::method;
int (Shape::*virtual_method)() = &Shape::area;
int (Shape::*no_method)() = nullptr;
Colour colour = Colour::Green, both = (Colour)3, neither = (Colour)8;
Large large = LargeOne, larger = (Large)0x8000000000000001ul;
outer::Inside inside = outer::InsideOne;
outer::Strong strong = outer::Strong::Right, beyond = (outer::Strong)9;
Secret::Nested nested = Secret::NestedA;
bool truth = true;
wchar_t wide_character = L'w';
char16_t utf16_character = u'é';
char32_t utf32_character = U'\U0001F600';
char8_t utf8_character = u8'8';
int number = 5, array[3] = { 1, 2, 3 };
int &reference = array[1];
int &&moved = 6;
const int &constant_reference = number;
Shape shape;
Shape &shape_reference = shape;
Shape *shape_pointer = &shape;
Diamond diamond;
Root *root_pointer = &diamond;
Diamond *diamond_pointer = &diamond;
HasEmpty has_empty;
DerivedEmpty derived_empty;
Referring referring = { array[2], "constant", "abc", &has_empty.nothing };
Box<int, 3> box = { { 1, 2, 3 } };
Box<Box<short, 2>, 2> boxes;
Variant variant = { 1078530011 };
Secret secret;
std::nullptr_t null = nullptr;
thread_local int per_thread = 9;
int (*function)(int);
int (&function_reference)(int (*)(int), int) = *(int (*)(int (*)(int), int))0;
std::string short_text = "short", long_text = "a text that is too long for the small buffer of the string";
std::vector<int> vector;
std::map<std::string, int> map;
std::unique_ptr<Shape> owned;
const volatile long qualified = -8;
struct Unnamed { int before; union { int either; float other; }; struct { int inner; } named; } unnamed = { 1, { 2 }, { 3 } };
bool bools[3] = { true, false, true };
Colour colours[2] = { Colour::Red, Colour::Green };

__attribute__((noinline)) static long consume(const void *pointer, long value)
{
	asm volatile("" : : "r"(pointer), "r"(value) : "memory");
	return value;
}

int Secret::reveal(int more)
{
	int result = hidden_value + more;
	consume(this, result);
	auto add = [this, &result](int extra) { return consume(&extra, result) + hidden_value + extra; };
	result += (int)add(more);
	return result + variant.number;
}

__attribute__((noinline)) static int take(Shape by_value, Shape &by_reference, Shape *by_pointer, Box<int, 3> small)
{
	int sum = by_value.id + by_reference.method(2);
	consume(by_pointer, sum);
	const Box<int, 3> &alias = small;
	sum += alias.sum();
	consume(&alias, sum);
	return sum + by_pointer->area();
}

__attribute__((noinline)) static int strings(const std::string &text, std::vector<int> numbers, std::string &&last)
{
	int length = (int)text.size();
	for (int each : numbers) {
		length += each;
		consume(&each, length);
	}
	last += text;
	consume(&last, length);
	return length;
}

template <typename T> __attribute__((noinline)) static T generic(T first, const T &second)
{
	T larger = first > second ? first : second;
	consume(&larger, 1);
	return larger;
}

__attribute__((noinline)) static int throwing(int depth)
{
	std::string guard = "guard";
	if (depth == 0)
		throw colour;
	consume(&guard, depth);
	return throwing(depth - 1) + 1;
}

__attribute__((noinline)) static int references(int &first, int &&second, const Colour &third, int (&fourth)[3])
{
	first += second;
	consume(&third, first);
	return first + fourth[0];
}

static int identity(int value) { return value; }

struct Coordinates { float x; float y; };
struct Place : Coordinates { int floor; };
class Counted {
public:
	Counted() = default;
	Counted(const Counted &from) : copies(from.copies + 1) {}
	int copies = 0;
};
static Place place = { { 1.5f, -2 }, 3 };
static Counted counted;
static Place above(Place from) { from.floor++; return from; }
static Coordinates mirrored(Coordinates from) { return { from.y, from.x }; }
static int copies_of(Counted given) { return given.copies; }

int main(int argc, char **)
{
	auto lambda = [&](int value) { return value + argc; };
	function = identity;
	above(place), mirrored(place), copies_of(counted);
	vector = { 1, 2, 3 };
	map["one"] = 1;
	owned = std::make_unique<Shape>();
	owned->id = 3;
	shape.id = 42;
	shape.narrow = -2;
	diamond.root = 1;
	diamond.left = 2;
	for (int round = 0; round < 3; round++) {
		int sum = take(shape, diamond, owned.get(), box);
		sum += strings(short_text, vector, long_text + "!");
		sum += generic(round, 2) + (int)generic(1.5, 2.5) + generic('a', 'b');
		sum += secret.reveal(round);
		int copy = round;
		sum += references(copy, 4, colours[1], array);
		try {
			sum += throwing(2);
		} catch (Colour caught) {
			sum += (int)caught;
			consume(&caught, sum);
		}
		consume(&sum, lambda(sum));
	}
	return 0;
}
