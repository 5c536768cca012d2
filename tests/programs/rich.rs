// SPDX-License-Identifier: MIT

// One of everything that debuginfo describes in Rust; see rich.c.

use std::collections::HashMap;

mod geometry {
    #[derive(Clone, Debug)]
    pub struct Point<T> {
        pub x: T,
        pub y: T,
    }

    pub trait Area {
        fn area(&self) -> f64;
    }

    impl Area for Point<f64> {
        fn area(&self) -> f64 {
            self.x * self.y
        }
    }
}

use geometry::{Area, Point};

#[derive(Debug)]
enum Message {
    Quit,
    Move { x: i32, y: i64 },
    Write(String),
    Colour(u8, u8, u8),
}

#[repr(u16)]
#[derive(Clone, Copy)]
enum Plain {
    One = 1,
    Many = 500,
}

union Bits {
    integer: u32,
    real: f32,
}

static GREETING: &str = "hello";
static mut COUNTER: u64 = 7;

#[inline(never)]
fn describe(message: &Message) -> usize {
    match message {
        Message::Quit => 0,
        Message::Move { x, y } => (*x as i64 + *y) as usize,
        Message::Write(text) => text.len(),
        Message::Colour(r, g, b) => *r as usize + *g as usize + *b as usize,
    }
}

#[inline(never)]
fn recursive(depth: u32) -> u32 {
    if depth == 0 { 1 } else { recursive(depth - 1) + depth }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let messages = [
        Message::Quit,
        Message::Move { x: 1, y: arguments.len() as i64 },
        Message::Write(GREETING.to_string()),
        Message::Colour(1, 2, 3),
    ];
    let shape: Box<dyn Area> = Box::new(Point { x: 2.0, y: 3.5 });
    let bits = Bits { real: 1.5 };
    let plain = if arguments.len() > 3 { Plain::Many } else { Plain::One };
    let mut map: HashMap<u8, Option<Box<u32>>> = HashMap::new();
    map.insert(1, Some(Box::new(recursive(arguments.len() as u32))));
    let closure = |value: usize| value + messages.len();
    let total: usize = messages.iter().map(describe).sum();
    unsafe {
        COUNTER += bits.integer as u64 + plain as u64;
    }
    println!("{} {} {:?}", closure(total), shape.area(), map.get(&1));
}
