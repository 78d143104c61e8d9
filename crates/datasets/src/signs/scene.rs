//! The content of an image before it is painted. Coordinates are in [-1, 1], x to the right and y downwards.

use super::plate::{Colour, Glyph, Plate, Sign};
use super::random::SignRandom;

/// Number of grid points along each side at which a smooth texture has a random value.
const GRID: usize = 7;

/// A shape with one colour, behind the sign or in front of it.
pub(super) struct Blob {
    round: bool,
    colour: Colour,
    centre: (f32, f32),
    /// Half of the width and half of the height.
    half: (f32, f32),
    turn: (f32, f32),
}

/// The content of an image.
pub(super) struct Scene {
    glyph: Glyph,
    plate: Plate,
    centre: (f32, f32),
    /// The 2 x 2 matrix from image to plate coordinates, by rows.
    to_plate: [f32; 4],
    /// Strength of the perspective along the axes of the plate.
    tilt: (f32, f32),
    ground: [Colour; 2],
    /// Direction of the gradient between the two background colours.
    slope: (f32, f32),
    texture: [[f32; GRID]; GRID],
    behind: Vec<Blob>,
    in_front: Vec<Blob>,
    /// The edge of a shadow as normal and offset of a line, and the share of light in the shadow.
    shadow: (f32, f32, f32, f32),
    /// The gain of each channel, from strength and colour of the light.
    light: Colour,
    /// Haze: the level of grey and its share in every pixel.
    haze: (f32, f32),
    /// The share of a pixel that is moved to each neighbour, and the number of repetitions.
    pub(super) blur: (f32, u32),
    /// The standard deviation of the noise.
    pub(super) noise: f32,
}

/// Cosine and sine of an angle from the tangent of half of it, without library functions.
fn turn(half_tangent: f32) -> (f32, f32) {
    let square = half_tangent * half_tangent;
    ((1.0 - square) / (1.0 + square), 2.0 * half_tangent / (1.0 + square))
}

fn shifted(colour: Colour, random: &mut SignRandom, reach: f32) -> Colour {
    colour.map(|channel| (channel + random.around(reach)).clamp(0.02, 0.88))
}

fn any_colour(random: &mut SignRandom) -> Colour {
    // Blended towards grey, since most of a street scene is grey.
    let grey = random.between(0.1, 0.75);
    let share = random.between(0.2, 0.9);
    [(); 3].map(|()| grey + (random.between(0.05, 0.8) - grey) * share)
}

impl Blob {
    fn any(random: &mut SignRandom, reach: f32, smallest: f32, largest: f32) -> Self {
        Self {
            round: random.with_probability(0.4),
            colour: any_colour(random),
            centre: (random.around(reach), random.around(reach)),
            half: (random.between(smallest, largest), random.between(smallest, largest)),
            turn: turn(random.around(1.0)),
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
    /// A random scene with everything but the noise. `difficulty` is in [0, 1].
    pub(super) fn compose(sign: &Sign, difficulty: f32, random: &mut SignRandom) -> Self {
        let hard = difficulty;
        let mut plate = sign.plates[random.below(2) as usize];
        plate.border = shifted(plate.border, random, 0.04 + 0.16 * hard);
        plate.ground = shifted(plate.ground, random, 0.04 + 0.16 * hard);
        plate.ink = shifted(plate.ink, random, 0.04 + 0.16 * hard);

        let radius = random.between(0.72 - 0.3 * hard, 0.85);
        // tan(10 degrees) = 0.176 stands for an angle of 20 degrees.
        let (cosine, sine) = turn(random.around(0.07 + 0.22 * hard));
        let shear = random.around(0.25 * hard);
        let aspect = 1.0 + random.around(0.3 * hard);
        let (across, down) = (1.0 / radius, aspect / radius);
        let to_plate = [
            across * (cosine + shear * -sine),
            across * (sine + shear * cosine),
            down * -sine,
            down * cosine,
        ];
        let stray = (1.0 - radius) * 0.6 + 0.15 * hard;

        let mut in_front = Vec::new();
        if random.with_probability(0.7 * hard) {
            // Like a twig or the edge of a pole: long, thin, somewhere across the sign.
            let mut blob = Blob::any(random, 0.8, 0.05, 0.13);
            blob.half.0 = random.between(0.4, 1.2);
            in_front.push(blob);
        }
        if random.with_probability(0.7 * hard) {
            in_front.push(Blob::any(random, 0.9, 0.12, 0.32));
        }
        let behind = (0..3 + random.below(5)).map(|_| Blob::any(random, 1.0, 0.08, 0.5)).collect();

        let roughness = random.between(0.0, 0.12 + 0.2 * hard);
        let texture = [(); GRID].map(|()| [(); GRID].map(|()| random.around(roughness)));
        let strength = random.between(0.9 - 0.6 * hard, 1.15);
        let shadow_normal = turn(random.around(1.0));
        let shadow_side = if random.with_probability(0.5) { 1.0 } else { -1.0 };
        let darkness = if random.with_probability(0.5) { random.between(0.0, 0.8 * hard) } else { 0.0 };
        Self {
            glyph: sign.glyph,
            plate,
            centre: (random.around(stray), random.around(stray)),
            to_plate,
            tilt: (random.around(0.35 * hard), random.around(0.35 * hard)),
            ground: [any_colour(random), any_colour(random)],
            slope: (random.around(0.5), random.around(0.5)),
            texture,
            behind,
            in_front,
            shadow: (
                shadow_normal.0 * shadow_side,
                shadow_normal.1 * shadow_side,
                random.around(0.5),
                1.0 - darkness,
            ),
            light: [(); 3].map(|()| strength * (1.0 + random.around(0.3 * hard))),
            haze: (random.between(0.2, 0.7), random.between(0.0, 0.8 * hard)),
            blur: (random.between(0.02, 0.05 + 0.25 * hard), 1 + random.below(2)),
            noise: random.between(0.01, 0.02 + 0.12 * hard),
        }
    }

    /// The colour at a point, without blur and noise.
    pub(super) fn colour(&self, x: f32, y: f32) -> Colour {
        let mut colour = match self.in_front.iter().find(|blob| blob.covers(x, y)) {
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
        // There is no plate beyond the vanishing line.
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
        let (middle, scale) = self.plate.outline.glyph_position();
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

    /// Value noise: bilinear interpolation between the values of the grid.
    fn texture_at(&self, x: f32, y: f32) -> f32 {
        let position = |at: f32| ((at + 1.0) * 0.5).clamp(0.0, 0.999) * (GRID - 1) as f32;
        let (across, down) = (position(x), position(y));
        let (column, row) = (across as usize, down as usize);
        let (right, below) = (across - column as f32, down - row as f32);
        let along = |row: usize| {
            let values = &self.texture[row];
            values[column] + (values[column + 1] - values[column]) * right
        };
        along(row) + (along(row + 1) - along(row)) * below
    }
}
