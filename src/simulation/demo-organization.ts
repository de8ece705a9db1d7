/** The organization of the demonstration, and its time: the same in every thread that asks. */
import { type Clock, scaledClock } from '../clock.ts';
import { widthSeconds } from '../openai/catalogue.ts';
import type { Milliseconds } from '../units.ts';
import { createOrganization, type Organization } from './organization.ts';

/** Days of history that the simulated organization has. */
const historyDays = 62;
const daySeconds = widthSeconds['1d'];

/**
 * The organization of every demonstration that starts on the UTC day of this instant, in milliseconds.
 * @param number which one of several, from 0
 */
export function demoOrganization(now: Milliseconds, number = 0): Organization {
  const today = Math.floor(now / 1_000 / daySeconds) * daySeconds;
  return createOrganization({ seed: 1 + number, createdAt: today - historyDays * daySeconds, profile: 'demo' });
}

/**
 * Returns the clock of a demonstration that began at this instant.
 * @param speed how many times as fast as real time it runs
 */
export function demoClock(wall: Clock, speed: number, began: Milliseconds): Clock {
  return speed === 1 ? wall : scaledClock(wall, speed, began + (wall.now() - began) * speed);
}
