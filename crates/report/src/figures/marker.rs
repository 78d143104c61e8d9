//! Shapes of attacks.

use super::at;
use super::palette::Paint;

/// The number of shapes. More attacks than this use the same shapes again.
pub(super) const SHAPES: usize = 10;

/// Corner angles in degrees, clockwise from the top, and radii as shares of the size.
fn polygon(shape: usize) -> &'static [(f64, f64)] {
    match shape {
        1 => &[(45.0, 1.2), (135.0, 1.2), (225.0, 1.2), (315.0, 1.2)],
        2 => &[(0.0, 1.3), (120.0, 1.3), (240.0, 1.3)],
        3 => &[(0.0, 1.25), (90.0, 1.25), (180.0, 1.25), (270.0, 1.25)],
        4 => &[(60.0, 1.3), (180.0, 1.3), (300.0, 1.3)],
        5 => &[(0.0, 1.2), (72.0, 1.2), (144.0, 1.2), (216.0, 1.2), (288.0, 1.2)],
        6 => &[(30.0, 1.15), (90.0, 1.15), (150.0, 1.15), (210.0, 1.15), (270.0, 1.15), (330.0, 1.15)],
        7 => &[
            (0.0, 1.45),
            (36.0, 0.6),
            (72.0, 1.45),
            (108.0, 0.6),
            (144.0, 1.45),
            (180.0, 0.6),
            (216.0, 1.45),
            (252.0, 0.6),
            (288.0, 1.45),
            (324.0, 0.6),
        ],
        8 => &[
            (16.0, 1.3),
            (45.0, 0.5),
            (74.0, 1.3),
            (106.0, 1.3),
            (135.0, 0.5),
            (164.0, 1.3),
            (196.0, 1.3),
            (225.0, 0.5),
            (254.0, 1.3),
            (286.0, 1.3),
            (315.0, 0.5),
            (344.0, 1.3),
        ],
        _ => &[
            (29.0, 1.3),
            (90.0, 0.5),
            (151.0, 1.3),
            (180.0, 0.5),
            (209.0, 1.3),
            (270.0, 0.5),
            (331.0, 1.3),
            (0.0, 0.5),
        ],
    }
}

/// A marker of the given half size. `title` is already escaped; if it is empty, there is none.
pub(super) fn marker(shape: usize, center: [f64; 2], size: f64, paint: &Paint, title: &str) -> String {
    let [x, y] = center;
    let color = &paint.color;
    let style = if paint.hollow {
        format!("fill=\"var(--bg,#fff)\" stroke=\"{color}\" stroke-width=\"1.8\"")
    } else {
        format!("fill=\"{color}\" stroke=\"var(--bg,#fff)\" stroke-width=\"0.8\"")
    };
    let title = if title.is_empty() { String::new() } else { format!("<title>{title}</title>") };
    if shape.is_multiple_of(SHAPES) {
        return format!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" {style}>{title}</circle>\n",
            at(x),
            at(y),
            at(size)
        );
    }
    let corners: Vec<String> = polygon(shape % SHAPES)
        .iter()
        .map(|(angle, radius)| {
            let radians = angle.to_radians();
            format!("{},{}", at(x + size * radius * radians.sin()), at(y - size * radius * radians.cos()))
        })
        .collect();
    format!("<polygon points=\"{}\" {style}>{title}</polygon>\n", corners.join(" "))
}
