// Sun, sky and exposure of a clip, and how they change from frame to frame.
import { createRandom, deriveSeed, uniformAt } from '../tensor/random.js';
import { frameRate } from './camera.js';
import { normalize, type Vector3 } from './vector.js';

/** The light of one frame; colours are linear RGB. */
export interface Light {
  /** Unit direction towards the sun, in the world. */
  readonly sun: Vector3;
  readonly sunColor: Vector3;
  readonly ambient: Vector3;
  readonly horizon: Vector3;
  readonly zenith: Vector3;
  /** Share of the sky that clouds cover, 0..1. */
  readonly clouds: number;
  /** 1/metres: a surface at distance z has taken on `z·haze/(1 + z·haze)` of the horizon's colour. */
  readonly haze: number;
  /** Factor a channel before the tone curve: exposure, its flicker, and white balance. */
  readonly gain: Vector3;
  /** Standard deviation of the sensor's noise, as a share of full scale, and what grows with the signal. */
  readonly readNoise: number;
  readonly shotNoise: number;
}

export type Lighting = (frame: number) => Light;

/** The light of a seed: clear, hazy, overcast or evening. */
export function createLighting(seed: number): Lighting {
  const random = createRandom(deriveSeed(seed, 'light'));
  const kind = random.uniform();
  const weather = kind < 0.5 ? 'clear' : kind < 0.68 ? 'hazy' : kind < 0.85 ? 'overcast' : 'evening';
  const elevation =
    weather === 'evening' ? 0.26 + 0.12 * random.uniform() : weather === 'clear' ? 0.5 + 0.5 * random.uniform() : 0.8;
  const azimuth = 2 * Math.PI * random.uniform();
  const drift = 0.02 * (2 * random.uniform() - 1);
  const strength = { clear: 1, hazy: 0.6, overcast: 0.12, evening: 0.8 }[weather];
  const warmth = { clear: 0.12, hazy: 0.15, overcast: 0, evening: 0.5 }[weather];
  const skyLight = { clear: 0.34, hazy: 0.45, overcast: 0.7, evening: 0.3 }[weather];
  const clouds = { clear: 0.15 + 0.4 * random.uniform(), hazy: 0.5, overcast: 0.95, evening: 0.35 }[weather];
  const haze = { clear: 0.0009, hazy: 0.004, overcast: 0.002, evening: 0.0018 }[weather] * (0.7 + random.uniform());
  const flicker = 0.015 + 0.035 * random.uniform();
  const flickerSeed = deriveSeed(seed, 'flicker');
  const [phaseA, phaseB] = [0, 1].map(() => 2 * Math.PI * random.uniform());
  const swell = 0.12 + 0.15 * random.uniform();
  const cast = [0, 1, 2].map(() => 0.97 + 0.06 * random.uniform());
  const readNoise = 0.006 + 0.01 * random.uniform();
  const exposure = { clear: 1.08, hazy: 1.1, overcast: 1.25, evening: 1.55 }[weather];
  const grey: Vector3 = [0.75, 0.78, 0.82];
  const mix = (a: Vector3, b: Vector3, t: number): Vector3 => [
    a[0] + (b[0] - a[0]) * t,
    a[1] + (b[1] - a[1]) * t,
    a[2] + (b[2] - a[2]) * t,
  ];
  const dull = weather === 'overcast' ? 0.9 : weather === 'hazy' ? 0.55 : 0.1;
  const horizonClear: Vector3 = weather === 'evening' ? [1, 0.72, 0.5] : [0.72, 0.84, 1];
  const zenithClear: Vector3 = weather === 'evening' ? [0.26, 0.36, 0.62] : [0.12, 0.3, 0.72];
  return (frame) => {
    const time = frame / frameRate;
    const angle = azimuth + drift * time;
    const height = elevation + 0.3 * drift * time;
    // Thin clouds pass before the sun.
    const veil = 1 - swell * (0.5 + 0.5 * Math.sin(0.9 * time + phaseA));
    const flash = 1 + flicker * (2 * uniformAt(flickerSeed, frame + 8) - 1);
    const slow = exposure * (1 + 0.1 * Math.sin(0.6 * time + phaseB));
    const sunlight = 1.9 * strength * veil;
    return {
      sun: normalize([Math.cos(height) * Math.sin(angle), Math.sin(height), Math.cos(height) * Math.cos(angle)]),
      sunColor: [sunlight * (1 + 0.4 * warmth), sunlight * (1 - 0.15 * warmth), sunlight * (0.95 - 0.6 * warmth)],
      ambient: [skyLight * (0.92 - 0.05 * strength), skyLight * 0.98, skyLight * (1.06 + 0.06 * strength)],
      horizon: mix(horizonClear, grey, dull),
      zenith: mix(zenithClear, [0.62, 0.66, 0.72], dull),
      clouds,
      haze,
      gain: [slow * flash * cast[0], slow * flash * cast[1], slow * flash * cast[2]],
      readNoise,
      shotNoise: 1.2 * readNoise,
    };
  };
}
