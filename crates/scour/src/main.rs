//! The program: a command line over every method that ships.

use scour::Registry;

fn main() -> std::process::ExitCode {
    scour::run(&Registry::shipped())
}
