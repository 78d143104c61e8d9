//! What is in a picture, before it is painted: coordinates run from -1 to 1, x to the right and y downwards.

use super::chance::Chance;
use super::plate::{Colour, Glyph, Plate, Sign};

/// Places where a smooth texture has a value of its own, along each side.
const LATTICE: usize = 7;

/// A shape of one colour, behind the sign or in front of it.
pub(super) struct Blob {
    round: bool,
    colour: Colour,
    centre: (f32, f32),
    /// Half of the width and of the height.
    half: (f32, f32),
    turn: (f32, f32),
}

/// A picture's content.
pub(super) struct Scene {
    glyph: Glyph,
    plate: Plate,
    centre: (f32, f32),
    /// From picture to plate coordinates: a 2 x 2 matrix by rows.
    to_plate: [f32; 4],
    /// Strength of perspective along the plate's axes.
    tilt: (f32, f32),
    ground: [Colour; 2],
    /// Direction in which the background goes from the one colour to the other.
    slope: (f32, f32),
    texture: [[f32; LATTICE]; LATTICE],
    behind: Vec<Blob>,
    before: Vec<Blob>,
    /// A shadow's edge as a line's normal and offset, and how much light is left behind it.
    shadow: (f32, f32, f32, f32),
    /// Gain of each channel, from the light's strength and colour.
    light: Colour,
    /// Grey that is mixed into everything, as in haze: its level and its share.
    haze: (f32, f32),
    /// Share of a pixel that goes to each neighbour, and how many times.
    pub(super) blur: (f32, u32),
    /// Standard deviation of the noise.
    pub(super) noise: f32,
}

/// Cosine and sine of an angle whose half's tangent is given, which needs no library function.
fn turn(half_tangent: f32) -> (f32, f32) {
    let square = half_tangent * half_tangent;
    ((1.0 - square) / (1.0 + square), 2.0 * half_tangent / (1.0 + square))
}

fn shifted(colour: Colour, chance: &mut Chance, reach: f32) -> Colour {
    colour.map(|channel| (channel + chance.around(reach)).clamp(0.02, 0.88))
}

fn any_colour(chance: &mut Chance) -> Colour {
    // Blends towards grey, as most of a street is.
    let grey = chance.between(0.1, 0.75);
    let share = chance.between(0.2, 0.9);
    [(); 3].map(|()| grey + (chance.between(0.05, 0.8) - grey) * share)
}

impl Blob {
    fn any(chance: &mut Chance, reach: f32, smallest: f32, largest: f32) -> Self {
        Self {
            round: chance.happens(0.4),
            colour: any_colour(chance),
            centre: (chance.around(reach), chance.around(reach)),
            half: (chance.between(smallest, largest), chance.between(smallest, largest)),
            turn: turn(chance.around(1.0)),
        }
    }

    fn covers(&self, x: f32, y: f32) -> bool {
        let (dx, dy) = (x - self.centre.0, y - self.centre.1);
        let u = (dx * self.turn.0 + dy * self.turn.1) / self.half.0;
        let v = (dy * self.turn.0 - dx * self.turn.1) / self.half.1;
        if self.round { u * u + v * v < 1.0 } else { u.abs().max(v.abs()) < 1.0 }
    }
}

impl Scene {
    /// Draws lots for everything but the noise. `difficulty` runs from 0 to 1.
    pub(super) fn compose(sign: &Sign, difficulty: f32, chance: &mut Chance) -> Self {
        let hard = difficulty;
        let mut plate = sign.plates[chance.below(2) as usize];
        plate.border = shifted(plate.border, chance, 0.04 + 0.16 * hard);
        plate.ground = shifted(plate.ground, chance, 0.04 + 0.16 * hard);
        plate.ink = shifted(plate.ink, chance, 0.04 + 0.16 * hard);

        let radius = chance.between(0.72 - 0.3 * hard, 0.85);
        // The half tangent of 20 degrees' half is 0.176.
        let (cosine, sine) = turn(chance.around(0.07 + 0.22 * hard));
        let shear = chance.around(0.25 * hard);
        let aspect = 1.0 + chance.around(0.3 * hard);
        let (across, down) = (1.0 / radius, aspect / radius);
        let to_plate = [
            across * (cosine + shear * -sine),
            across * (sine + shear * cosine),
            down * -sine,
            down * cosine,
        ];
        let stray = (1.0 - radius) * 0.6 + 0.15 * hard;

        let mut before = Vec::new();
        if chance.happens(0.7 * hard) {
            // A twig or a pole's edge: long, thin, across the sign somewhere.
            let mut blob = Blob::any(chance, 0.8, 0.05, 0.13);
            blob.half.0 = chance.between(0.4, 1.2);
            before.push(blob);
        }
        if chance.happens(0.7 * hard) {
            before.push(Blob::any(chance, 0.9, 0.12, 0.32));
        }
        let behind = (0..3 + chance.below(5)).map(|_| Blob::any(chance, 1.0, 0.08, 0.5)).collect();

        let roughness = chance.between(0.0, 0.12 + 0.2 * hard);
        let texture = [(); LATTICE].map(|()| [(); LATTICE].map(|()| chance.around(roughness)));
        let strength = chance.between(0.9 - 0.6 * hard, 1.15);
        let shadow_normal = turn(chance.around(1.0));
        let shadow_side = if chance.happens(0.5) { 1.0 } else { -1.0 };
        let darkness = if chance.happens(0.5) { chance.between(0.0, 0.8 * hard) } else { 0.0 };
        Self {
            glyph: sign.glyph,
            plate,
            centre: (chance.around(stray), chance.around(stray)),
            to_plate,
            tilt: (chance.around(0.35 * hard), chance.around(0.35 * hard)),
            ground: [any_colour(chance), any_colour(chance)],
            slope: (chance.around(0.5), chance.around(0.5)),
            texture,
            behind,
            before,
            shadow: (
                shadow_normal.0 * shadow_side,
                shadow_normal.1 * shadow_side,
                chance.around(0.5),
                1.0 - darkness,
            ),
            light: [(); 3].map(|()| strength * (1.0 + chance.around(0.3 * hard))),
            haze: (chance.between(0.2, 0.7), chance.between(0.0, 0.8 * hard)),
            blur: (chance.between(0.02, 0.05 + 0.25 * hard), 1 + chance.below(2)),
            noise: chance.between(0.01, 0.02 + 0.12 * hard),
        }
    }

    /// The colour at a point, without blur and noise.
    pub(super) fn colour(&self, x: f32, y: f32) -> Colour {
        let mut colour = match self.before.iter().find(|blob| blob.covers(x, y)) {
            Some(blob) => blob.colour,
            None => self.sign_colour(x, y).unwrap_or_else(|| self.background(x, y)),
        };
        let (across, down, offset, dark) = self.shadow;
        let shade = if x * across + y * down > offset { dark } else { 1.0 };
        let (grey, share) = self.haze;
        for (channel, gain) in colour.iter_mut().zip(self.light) {
            let lit = *channel * gain * shade;
            *channel = lit + (grey - lit) * share;
        }
        colour
    }

    fn sign_colour(&self, x: f32, y: f32) -> Option<Colour> {
        let (dx, dy) = (x - self.centre.0, y - self.centre.1);
        let [a, b, c, d] = self.to_plate;
        let (u, v) = (a * dx + b * dy, c * dx + d * dy);
        let depth_of_field = 1.0 + self.tilt.0 * u + self.tilt.1 * v;
        // Behind the vanishing line there is no plate.
        if depth_of_field < 0.2 {
            return None;
        }
        let (u, v) = (u / depth_of_field, v / depth_of_field);
        let depth = self.plate.outline.depth(u, v);
        if depth < 0.0 {
            return None;
        }
        if depth < self.plate.border_width {
            return Some(self.plate.border);
        }
        let (middle, scale) = self.plate.outline.room();
        let inked = self.glyph.covers(u / scale, (v - middle) / scale);
        Some(if inked { self.plate.ink } else { self.plate.ground })
    }

    fn background(&self, x: f32, y: f32) -> Colour {
        let texture = self.texture_at(x, y);
        if let Some(blob) = self.behind.iter().find(|blob| blob.covers(x, y)) {
            return blob.colour.map(|channel| channel + 0.5 * texture);
        }
        let share = (0.5 + self.slope.0 * x + self.slope.1 * y).clamp(0.0, 1.0);
        let [from, to] = self.ground;
        [0, 1, 2].map(|channel| from[channel] + (to[channel] - from[channel]) * share + texture)
    }

    /// Value noise: bilinear between the lattice's values.
    fn texture_at(&self, x: f32, y: f32) -> f32 {
        let place = |at: f32| ((at + 1.0) * 0.5).clamp(0.0, 0.999) * (LATTICE - 1) as f32;
        let (across, down) = (place(x), place(y));
        let (column, row) = (across as usize, down as usize);
        let (right, below) = (across - column as f32, down - row as f32);
        let along = |row: usize| {
            let values = &self.texture[row];
            values[column] + (values[column + 1] - values[column]) * right
        };
        along(row) + (along(row + 1) - along(row)) * below
    }
}
