// SPDX-License-Identifier: MIT
// Every way in which Rust stores which variant an enumeration is, for test_rust.py.
#![allow(dead_code)]
use std::hint::black_box;
#[derive(Clone, Copy)]
enum Unit { A, B, C }
enum Data { Nothing, Number(i32), Pair { left: u8, right: u16 }, Text(String) }
#[repr(i8)] #[derive(Clone, Copy)]
enum Signed { Low = -5, High = 3 }
enum Wide { Big(u64), Small(u8) }
struct Holder { data: Data, unit: Unit, maybe: Option<u32>, boxed: Option<Box<i32>>, text: Option<String>, res: Result<u8, i64> }
static GLOBAL: Option<&'static str> = Some("global");
#[inline(never)]
fn stop(h: &Holder, a: Data, b: Option<Box<i32>>) -> usize { black_box(h); black_box(&a); black_box(&b); 3 }
fn main() {
    let none: Option<u32> = None;
    let some: Option<u32> = Some(7);
    let nb: Option<Box<i32>> = None;
    let sb = Some(Box::new(5));
    let units = [Unit::A, Unit::B, Unit::C];
    let signed = [Signed::Low, Signed::High];
    let datas = [Data::Nothing, Data::Number(-3), Data::Pair { left: 1, right: 2 }, Data::Text(String::from("t"))];
    let wide = [Wide::Big(1 << 40), Wide::Small(3)];
    let nested: Option<Option<bool>> = Some(None);
    let nested2: Option<Option<bool>> = Some(Some(true));
    let tuple: (i32, Option<char>) = (1, Some('x'));
    let h = Holder { data: Data::Pair { left: 3, right: 4 }, unit: Unit::B, maybe: Some(1), boxed: None, text: Some("abc".to_string()), res: Err(-1) };
    let r = &h;
    let slice = &datas[1..3];
    stop(r, Data::Number(9), Some(Box::new(1)));
    black_box((&none, &some, &nb, &sb, &units, &signed, &datas, &wide, &nested, &nested2, &tuple, &r, &slice, GLOBAL));
}
