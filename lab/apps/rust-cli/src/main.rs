//! Prints the leap years of a span of years.

use itertools::Itertools;

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn main() {
    println!("{}", (1896..=1912).filter(|&year| is_leap(year)).join(", "));
}
