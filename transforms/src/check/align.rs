//! Lays what happens afterwards beside what happened before, so that each member of the one is matched with
//! one of the other, with as little unexplained as can be.

/// How two members can stand beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pair {
    /// The same, under the same circumstances.
    Same,
    /// The second is the first in a declared other form.
    Rewritten,
    /// The same or a declared other form, under other circumstances.
    Otherwise,
    /// Nothing to do with each other.
    Different,
}

/// A step of the alignment, in indexes of the two sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Paired(usize, usize, Pair),
    Gone(usize),
    New(usize),
}

/// A step without its place: there are as many as cells.
#[derive(Debug, Clone, Copy)]
enum Taken {
    Paired(Pair),
    Gone,
    New,
}

/// What the alignment wants to know.
pub(super) trait Rules {
    fn pair(&self, before: usize, after: usize) -> Pair;
    /// What it costs that a member is not there any more.
    fn gone_cost(&self, before: usize) -> u32;
    /// What it costs that a member is there now.
    fn new_cost(&self, after: usize) -> u32;
}

/// The cost of what was not declared.
pub(super) const UNDECLARED: u32 = 1000;
const OTHERWISE: u32 = 600;

/// More cells than this are gone through in windows, so that time grows with the length, not its square.
const CELLS: usize = 1 << 20;
const WINDOW: usize = 256;

/// The cheapest alignment of sequences with `before` and `after` members.
pub(super) fn align(before: usize, after: usize, rules: &impl Rules) -> Vec<Step> {
    let mut steps = Vec::with_capacity(before.max(after));
    let shorter = before.min(after);
    let same = |from: usize, to: usize| rules.pair(from, to) == Pair::Same;
    let prefix = (0..shorter).take_while(|&at| same(at, at)).count();
    let suffix = (1..=shorter - prefix).take_while(|&back| same(before - back, after - back)).count();
    steps.extend((0..prefix).map(|at| Step::Paired(at, at, Pair::Same)));
    let (mut i, mut j) = (prefix, prefix);
    let (last_i, last_j) = (before - suffix, after - suffix);
    while i < last_i || j < last_j {
        let whole = (last_i - i + 1).saturating_mul(last_j - j + 1) <= CELLS;
        let (rows, columns) = if whole {
            (last_i - i, last_j - j)
        } else {
            ((last_i - i).min(WINDOW), (last_j - j).min(WINDOW))
        };
        let window = cheapest((i, j), (rows, columns), whole, rules);
        // What stands at the far edge may go on outside the window.
        let sure = if whole { window.len() } else { window.len().div_ceil(2) };
        for step in window.into_iter().take(sure) {
            match step {
                Step::Paired(..) => (i, j) = (i + 1, j + 1),
                Step::Gone(_) => i += 1,
                Step::New(_) => j += 1,
            }
            steps.push(step);
        }
    }
    steps.extend((0..suffix).map(|at| Step::Paired(last_i + at, last_j + at, Pair::Same)));
    steps
}

/// The cheapest way through a window; to its far corner where it is the whole, else to any of its far edges.
fn cheapest(
    (i, j): (usize, usize),
    (rows, columns): (usize, usize),
    whole: bool,
    rules: &impl Rules,
) -> Vec<Step> {
    let width = columns + 1;
    let gone: Vec<u32> = (0..rows).map(|row| rules.gone_cost(i + row)).collect();
    let new: Vec<u32> = (0..columns).map(|column| rules.new_cost(j + column)).collect();
    let mut cost = vec![0_u32; (rows + 1) * width];
    let mut taken = vec![Taken::Gone; (rows + 1) * width];
    for row in 0..=rows {
        for column in 0..=columns {
            if row == 0 && column == 0 {
                continue;
            }
            let at = row * width + column;
            let mut best = (u32::MAX, Taken::Gone);
            if row > 0 && column > 0 {
                let pair = rules.pair(i + row - 1, j + column - 1);
                let price = match pair {
                    Pair::Same => Some(0),
                    Pair::Rewritten => Some(1),
                    Pair::Otherwise => Some(OTHERWISE),
                    Pair::Different => None,
                };
                if let Some(price) = price {
                    best = (cost[at - width - 1].saturating_add(price), Taken::Paired(pair));
                }
            }
            if row > 0 {
                let price = cost[at - width].saturating_add(gone[row - 1]);
                if price < best.0 {
                    best = (price, Taken::Gone);
                }
            }
            if column > 0 {
                let price = cost[at - 1].saturating_add(new[column - 1]);
                if price < best.0 {
                    best = (price, Taken::New);
                }
            }
            (cost[at], taken[at]) = best;
        }
    }
    let corner = (rows, columns);
    let mut end = corner;
    if !whole {
        let edges = (0..rows).map(|row| (row, columns)).chain((0..columns).map(|column| (rows, column)));
        // Among equals the one that goes furthest.
        let rank = |(row, column): (usize, usize)| (cost[row * width + column], usize::MAX - row - column);
        end = edges
            .filter(|&(row, column)| row + column > 0)
            .fold(corner, |best, edge| if rank(edge) < rank(best) { edge } else { best });
    }
    let (mut row, mut column) = end;
    let mut steps = Vec::with_capacity(row + column);
    while row + column > 0 {
        steps.push(match taken[row * width + column] {
            Taken::Paired(pair) => {
                (row, column) = (row - 1, column - 1);
                Step::Paired(i + row, j + column, pair)
            }
            Taken::Gone => {
                row -= 1;
                Step::Gone(i + row)
            }
            Taken::New => {
                column -= 1;
                Step::New(j + column)
            }
        });
    }
    steps.reverse();
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters; upper case is the rewritten form of lower case, `+` may be new, `-` may go.
    struct Letters<'a>(&'a [u8], &'a [u8]);

    impl Rules for Letters<'_> {
        fn pair(&self, before: usize, after: usize) -> Pair {
            match (self.0[before], self.1[after]) {
                (a, b) if a == b => Pair::Same,
                (a, b) if a.to_ascii_uppercase() == b => Pair::Rewritten,
                _ => Pair::Different,
            }
        }

        fn gone_cost(&self, before: usize) -> u32 {
            if self.0[before] == b'-' { 1 } else { UNDECLARED }
        }

        fn new_cost(&self, after: usize) -> u32 {
            if self.1[after] == b'+' { 1 } else { UNDECLARED }
        }
    }

    fn explained(before: &str, after: &str) -> bool {
        let rules = Letters(before.as_bytes(), after.as_bytes());
        align(before.len(), after.len(), &rules).iter().all(|step| match *step {
            Step::Paired(_, _, pair) => pair != Pair::Different,
            Step::Gone(at) => rules.gone_cost(at) == 1,
            Step::New(at) => rules.new_cost(at) == 1,
        })
    }

    #[test]
    fn finds_a_way_without_anything_unexplained() {
        for (before, after) in [
            ("", ""),
            ("ab", "ab"),
            ("ab", "+ab"),
            ("ab", "a+b+"),
            ("-a-b", "ab"),
            ("-a-b", "a-b+"),
            ("aba", "abA"),
            ("aba", "Aba"),
            ("a-a", "A+a"),
            ("+a", "+a+"),
            ("a+", "+a+"),
        ] {
            assert!(explained(before, after), "{before} {after}");
        }
        for (before, after) in [("ab", "a"), ("ab", "ba"), ("a", "aa"), ("A", "a"), ("aa", "b")] {
            assert!(!explained(before, after), "{before} {after}");
        }
    }

    #[test]
    fn goes_through_long_sequences_in_windows() {
        let before = "ab-c".repeat(5000);
        let after = "a+bC+".repeat(5000);
        assert!(explained(&before, &after));
        let lost = after.replacen("bC", "b", 1);
        assert!(!explained(&before, &lost));
    }
}
