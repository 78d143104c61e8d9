//! The signs: plates, glyphs, and the combinations of each class. Plates have radius 1, x to the right and y downwards.

/// Red, green and blue in [0, 1].
pub(super) type Colour = [f32; 3];

const RED: Colour = [0.72, 0.1, 0.12];
const BLUE: Colour = [0.1, 0.25, 0.68];
const YELLOW: Colour = [0.82, 0.66, 0.12];
const WHITE: Colour = [0.84, 0.84, 0.82];
const DARK: Colour = [0.08, 0.08, 0.1];

/// The outline of a plate.
#[derive(Clone, Copy)]
pub(super) enum Outline {
    Disc,
    Octagon,
    Square,
    Diamond,
    Triangle,
}

/// A plate: outline, border, background, and the colour of the glyph on it.
#[derive(Clone, Copy)]
pub(super) struct Plate {
    pub(super) outline: Outline,
    pub(super) border: Colour,
    /// The width of the border of a plate with radius 1.
    pub(super) border_width: f32,
    pub(super) ground: Colour,
    pub(super) ink: Colour,
}

const fn plate(outline: Outline, border: Colour, border_width: f32, ground: Colour, ink: Colour) -> Plate {
    Plate { outline, border, border_width, ground, ink }
}

const RED_DISC: Plate = plate(Outline::Disc, WHITE, 0.06, RED, WHITE);
const RED_OCTAGON: Plate = plate(Outline::Octagon, WHITE, 0.06, RED, WHITE);
const RED_RING: Plate = plate(Outline::Disc, RED, 0.22, WHITE, DARK);
const RED_TRIANGLE: Plate = plate(Outline::Triangle, RED, 0.13, WHITE, DARK);
const BLUE_DISC: Plate = plate(Outline::Disc, WHITE, 0.06, BLUE, WHITE);
const BLUE_SQUARE: Plate = plate(Outline::Square, WHITE, 0.06, BLUE, WHITE);
const YELLOW_DIAMOND: Plate = plate(Outline::Diamond, DARK, 0.07, YELLOW, DARK);

/// The symbol on a plate.
#[derive(Clone, Copy)]
pub(super) enum Glyph {
    Bar,
    ThreeBars,
    ArrowLeft,
    ArrowRight,
    ArrowUp,
    TwoDots,
    DiagonalCross,
    Exclamation,
    Plus,
    Lozenge,
}

/// One class.
pub(super) struct Sign {
    pub(super) name: &'static str,
    pub(super) glyph: Glyph,
    /// The plates of the class, each equally often.
    pub(super) plates: [Plate; 2],
}

const fn sign(name: &'static str, glyph: Glyph, plates: [Plate; 2]) -> Sign {
    Sign { name, glyph, plates }
}

/// The classes in the order of their labels.
pub(super) static SIGNS: [Sign; 10] = [
    sign("no entry", Glyph::Bar, [RED_DISC, RED_RING]),
    sign("stop", Glyph::ThreeBars, [RED_OCTAGON, RED_DISC]),
    sign("turn left", Glyph::ArrowLeft, [BLUE_DISC, BLUE_SQUARE]),
    sign("turn right", Glyph::ArrowRight, [BLUE_DISC, BLUE_SQUARE]),
    sign("straight ahead", Glyph::ArrowUp, [BLUE_DISC, BLUE_SQUARE]),
    sign("no overtaking", Glyph::TwoDots, [RED_RING, RED_OCTAGON]),
    sign("no stopping", Glyph::DiagonalCross, [RED_RING, RED_OCTAGON]),
    sign("danger", Glyph::Exclamation, [RED_TRIANGLE, YELLOW_DIAMOND]),
    sign("crossroads", Glyph::Plus, [RED_TRIANGLE, YELLOW_DIAMOND]),
    sign("priority road", Glyph::Lozenge, [YELLOW_DIAMOND, RED_TRIANGLE]),
];

impl Outline {
    /// The approximate distance of a point from the outline; negative outside.
    pub(super) fn depth(self, x: f32, y: f32) -> f32 {
        let (ax, ay) = (x.abs(), y.abs());
        match self {
            Self::Disc => 1.0 - (x * x + y * y).sqrt(),
            Self::Octagon => 0.95 - ax.max(ay).max((ax + ay) * 0.707),
            Self::Square => 0.85 - ax.max(ay),
            Self::Diamond => (1.2 - ax - ay) * 0.707,
            // The lower edge and the two slanted ones of an equilateral triangle.
            Self::Triangle => (0.72 - y).min(0.66 - ax * 0.866 + y * 0.5),
        }
    }

    /// The position of the glyph on the plate: y of its centre, and its scale.
    pub(super) fn glyph_position(self) -> (f32, f32) {
        match self {
            Self::Disc | Self::Octagon => (0.0, 1.0),
            Self::Square => (0.0, 1.0),
            Self::Diamond => (0.0, 0.95),
            Self::Triangle => (0.16, 0.84),
        }
    }
}

impl Glyph {
    /// Whether a point is part of the glyph. Glyphs fill the disc of radius 0.65.
    pub(super) fn covers(self, x: f32, y: f32) -> bool {
        let (ax, ay) = (x.abs(), y.abs());
        match self {
            Self::Bar => ax < 0.62 && ay < 0.17,
            Self::ThreeBars => ay < 0.45 && ((ax - 0.36).abs() < 0.11 || ax < 0.11),
            Self::ArrowRight => (ay < 0.14 && x > -0.6 && x < 0.15) || (x > 0.05 && ay < (0.65 - x) * 0.8),
            Self::ArrowLeft => Self::ArrowRight.covers(-x, y),
            Self::ArrowUp => Self::ArrowRight.covers(-y, x),
            Self::TwoDots => (ax - 0.33) * (ax - 0.33) + y * y < 0.0625,
            Self::DiagonalCross => (ax - ay).abs() < 0.2 && ax.max(ay) < 0.5,
            Self::Exclamation => {
                (ax < 0.14 && y > -0.62 && y < 0.2) || x * x + (y - 0.48) * (y - 0.48) < 0.028
            }
            Self::Plus => (ax < 0.15 && ay < 0.58) || (ay < 0.15 && ax < 0.58),
            Self::Lozenge => ax + ay > 0.32 && ax + ay < 0.68,
        }
    }
}
